/** Functions that the tests send to engines, each of which says when it has begun. */

import type { AsyncResult } from "ndparallel";
import { until } from "./processes.ts";

/** Computes for ever, without a break. */
export function spin(): void {
  process.stdout.write("running");
  for (;;);
}

/** Waits, and leaves the engine's event loop free. */
export function nap(milliseconds: number): Promise<string> {
  process.stdout.write("running");
  return new Promise((done) => {
    setTimeout(done, milliseconds, "rested");
  });
}

/** Resolves once every task of the call has begun. */
export async function running(result: AsyncResult<unknown>): Promise<void> {
  const begun = (): boolean => [result.stdout].flat().every((text) => text.includes("running"));
  await until(begun, "the tasks began");
}
