/** One system in a program of its own, spoken with over its standard input and output. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Answer, Greeting, Order } from "./protocol.ts";

/** How long a program may take to end by itself, in milliseconds. */
const FAREWELL_MS = 15_000;
/** How long one repetition may take, in milliseconds. */
const ANSWER_MS = 180_000;
/** How much of what a program writes to its standard error is kept, in characters. */
const COMPLAINTS = 4_000;

export interface Program {
  readonly file: string;
  readonly parameters: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<void>;
  #complaints = "";
  #spawnError: Error | undefined;

  constructor({ file, parameters, environment }: Program) {
    this.#child = spawn(file, parameters, {
      env: { ...process.env, ...environment },
      // A group of its own: Ctrl-C reaches the runner, which then ends the programs in order.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { stdin, stdout, stderr } = this.#child;
    if (stdin === null || stdout === null || stderr === null) throw new Error("a program without pipes");
    stdin.on("error", () => undefined);
    stderr.on("data", (text: Buffer) => {
      this.#complaints = (this.#complaints + text.toString()).slice(-COMPLAINTS);
    });
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", (error) => {
        this.#spawnError = error;
        resolve();
      });
    });
  }

  /** What the program has written to its standard error, the end of it. */
  get complaints(): string {
    return this.#complaints;
  }

  async greeting(): Promise<Greeting> {
    const greeting = await this.#receive<Greeting>();
    if (!("error" in greeting)) return greeting;
    return { ready: false, missing: this.#spawnError?.message ?? greeting.error };
  }

  async ask(order: Order): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return this.#receive<Answer>();
  }

  /** Lets the program end by itself, with what it started; kills it when that takes too long. */
  async close(farewellMs: number = FAREWELL_MS): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#kill(), farewellMs);
    await this.#ended;
    clearTimeout(timer);
  }

  async #receive<M>(): Promise<M | { error: string }> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<{ error: string }>((resolve) => {
      timer = setTimeout(() => resolve({ error: `no answer within ${ANSWER_MS / 1_000} s` }), ANSWER_MS);
    });
    const message = this.#lines.next().then(async (line): Promise<M | { error: string }> => {
      if (line.done) return { error: await this.#describeEnd() };
      return JSON.parse(line.value) as M;
    });
    try {
      return await Promise.race([message, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #describeEnd(): Promise<string> {
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    return `the program has ended (${signalCode ?? `exit code ${exitCode}`}) ${lastError(this.#complaints)}`.trim();
  }

  #kill(): void {
    if (this.#child.pid === undefined || this.#child.exitCode !== null) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // The group has ended meanwhile.
    }
  }
}

/** The last line that tells of an error, of a text that ends with a stack. */
function lastError(text: string): string {
  const lines = text.trim().split("\n");
  return lines.findLast((line) => /^\S*(Error|Exception)\b/.test(line)) ?? lines.at(-1) ?? "";
}
