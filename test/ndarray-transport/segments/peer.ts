/** Starts other processes that share memory with the test. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Question } from "./fixtures/peer.ts";

interface Reply {
  readonly number: number;
  readonly value?: unknown;
  readonly error?: string;
  readonly reason?: string;
}

export class Peer {
  readonly #child: ChildProcess;
  #questions = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Peer> {
    const child = fork(path.join(import.meta.dirname, "fixtures/peer.ts"), {
      execArgv: ["--import", "tsx"],
      serialization: "advanced",
    });
    const peer = new Peer(child);
    await peer.#answer(0);
    return peer;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Its answer; rejects with what it threw, or when it has ended. */
  async ask(question: Question): Promise<unknown> {
    const number = ++this.#questions;
    this.#child.send({ number, question });
    return this.#answer(number);
  }

  #answer(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = (): void => settle(() => reject(new Error("the peer has ended")));
      const message = (reply: Reply): void => {
        if (reply.number !== number) return;
        const { value, error, reason } = reply;
        settle(() => (error === undefined ? resolve(value) : reject(Object.assign(new Error(error), { reason }))));
      };
      const settle = (how: () => void): void => {
        this.#child.off("message", message).off("exit", end);
        how();
      };
      this.#child.on("message", message).on("exit", end);
    });
  }

  /** Ends it without a chance to clean up. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
