/** Starts the thread of a SQLite database. */

import { Worker } from "node:worker_threads";
import { METHODS, type StoreThread } from "./parts.ts";
import { pack, unpack } from "./rows.ts";
import type { ThreadData } from "./thread.ts";

interface Answer {
  readonly answer?: Uint8Array;
  readonly error?: string;
}

interface Waiting {
  resolve(answer: Uint8Array | undefined): void;
  reject(error: Error): void;
}

/** @throws Error when the file cannot be used, or what is needed for it is not installed. */
export async function openStore(data: ThreadData): Promise<StoreThread> {
  const worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: data });
  // Answers come in the order of the questions.
  const waiting: Waiting[] = [];
  const answered = (): Promise<Uint8Array | undefined> =>
    new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  const fail = (error: Error): void => waiting.splice(0).forEach(({ reject }) => void reject(error));
  worker.on("message", ({ answer, error }: Answer) => {
    const next = waiting.shift();
    if (error === undefined) next?.resolve(answer);
    else next?.reject(new Error(error));
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("the thread of the task database has ended")));
  await answered();
  const ask = async (method: string, args: readonly unknown[]): Promise<unknown> => {
    const bytes = pack([method, args]);
    worker.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
    const answer = await answered();
    return answer && unpack(answer);
  };
  const call =
    (method: string) =>
    (...args: unknown[]) =>
      ask(method, args);
  return Object.fromEntries(METHODS.map((method) => [method, call(method)])) as unknown as StoreThread;
}
