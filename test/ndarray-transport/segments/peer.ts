/** Starts other processes that share memory with the test. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Question } from "./fixtures/peer.ts";

export class Peer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Peer> {
    const child = fork(path.join(import.meta.dirname, "fixtures/peer.ts"), {
      execArgv: ["--import", "tsx"],
      serialization: "advanced",
    });
    const peer = new Peer(child);
    await peer.#answer();
    return peer;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Its answer; rejects with what it threw, or when it has ended. */
  async ask(question: Question): Promise<unknown> {
    this.#child.send(question);
    return this.#answer();
  }

  async #answer(): Promise<unknown> {
    const ended = new AbortController();
    try {
      const [reply] = (await Promise.race([
        once(this.#child, "message", ended),
        once(this.#child, "exit", ended).then(() => Promise.reject(new Error("the peer has ended"))),
      ])) as [{ value?: unknown; error?: string; reason?: string }];
      if (reply.error !== undefined) throw Object.assign(new Error(reply.error), { reason: reply.reason });
      return reply.value;
    } finally {
      ended.abort();
    }
  }

  /** Ends it without a chance to clean up. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
