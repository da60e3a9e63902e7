/** The program's side of the protocol: reads orders from the standard input, does them, answers with times. */

import { createInterface } from "node:readline";
import type { Answer, Greeting, Order } from "./protocol.ts";

/** What a system cannot do, and why; the runner shows it instead of a number. */
export class Unsupported extends Error {}

/** Does one repetition and gives the seconds of the part that counts. */
export type Operation = (parameters: Readonly<Record<string, number>>) => Promise<number>;

/** Says hello, answers until the standard input ends (the runner has gone), then stops the system. */
export async function answerOrders(
  versions: Readonly<Record<string, string>>,
  operations: Readonly<Record<string, Operation>>,
  stop: () => Promise<void>,
): Promise<void> {
  say({ ready: true, versions });
  for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line), operations));
  await stop();
}

/** Says what is missing, instead of hello. */
export function reportMissing(missing: string): void {
  say({ ready: false, missing });
}

/** Milliseconds of a piece of work, as seconds. */
export async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

/** @throws Error when the result of a system is wrong: its time does not count then. */
export function verify(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`wrong result: ${what}`);
}

async function answer(order: Order, operations: Readonly<Record<string, Operation>>): Promise<Answer> {
  const operation = operations[order.operation];
  if (operation === undefined) return { unsupported: "it has nothing like it" };
  try {
    return { seconds: await operation(order.parameters) };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message };
    return { error: String((error as Error).stack ?? error) };
  }
}

function say(message: Answer | Greeting): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
