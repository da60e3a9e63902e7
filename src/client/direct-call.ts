/** Sends the tasks of one call and makes its result. */

import type { CallValue } from "../protocol/calls.ts";
import { type Assembly, AsyncResult, type SendTracker } from "./async-result.ts";
import type { ResolvedFlags } from "./flags.ts";
import type { Session } from "./session.ts";
import type { ClientTask } from "./task.ts";

/** What is asked of the targets: the same of all, or something of each. */
export type Order = CallValue | { readonly each: readonly CallValue[] };

/** Who sends to whom. With an order for each target there are at least as many targets as orders. */
export interface Destination {
  readonly session: Session;
  readonly flags: ResolvedFlags;
  readonly targets: readonly number[];
}

/** @throws SerializationError when a parameter cannot be sent. */
export function sendCall<T>(
  { session, flags, targets }: Destination,
  order: Order,
  assembly: Assembly<T>,
): AsyncResult<T> {
  const { label, track, signal } = flags;
  signal?.throwIfAborted();
  const tracker = track ? trackSends("each" in order ? order.each.length : 1) : undefined;
  const submit = (engineIds: readonly number[], call: CallValue): ClientTask[] =>
    session.submit({ call, engineIds, label, onSent: tracker?.onSent });
  const tasks =
    "each" in order
      ? order.each.flatMap((call, index) => submit([targets[index] as number], call))
      : submit(targets, order);
  const result = new AsyncResult<T>({ session, tasks, assembly, tracker });
  if (signal !== undefined) abortOn(signal, session, tasks);
  return result;
}

interface CountingTracker extends SendTracker {
  readonly onSent: () => void;
}

/** Done when `count` sends are. */
function trackSends(count: number): CountingTracker {
  let left = count;
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  if (count === 0) resolve();
  return {
    get done() {
      return left === 0;
    },
    promise,
    onSent: () => {
      if (--left === 0) resolve();
    },
  };
}

function abortOn(signal: AbortSignal, session: Session, tasks: readonly ClientTask[]): void {
  const abort = (): void => {
    session.abort(tasks).catch(() => undefined);
  };
  signal.addEventListener("abort", abort, { once: true });
  let left = tasks.length;
  for (const task of tasks) {
    task.whenSettled(() => {
      if (--left === 0) signal.removeEventListener("abort", abort);
    });
  }
}
