/** Sends the tasks of one call and makes its result. */

import type { CallValue } from "../protocol/calls.ts";
import { serializeWhenReady } from "../tensors/handler.ts";
import { type Assembly, bareValue } from "./assembly.ts";
import { AsyncResult, type AsyncResultParts } from "./async-result.ts";
import { type Beginning, type EncodedCall, encodeAlike, encodeCall } from "./encode-call.ts";
import type { ResolvedFlags } from "./flags.ts";
import { keeping, keptAssembly } from "./kept-calls.ts";
import { CallTracker } from "./send-tracker.ts";
import type { Session } from "./session.ts";
import { SingleCalls } from "./single-calls.ts";
import type { Submission } from "./submission.ts";
import type { RunKind } from "./submission-runs.ts";
import type { ClientTask } from "./task.ts";
import type { TaskHistory } from "./task-history.ts";

/** What is asked of the targets: the same of all, or something of each. */
export type Order = CallValue | { readonly each: readonly CallValue[] };

/** Who sends to whom. With an order for each target there are at least as many targets as orders. */
export interface Destination {
  readonly session: Session;
  readonly flags: ResolvedFlags;
  /** Where the tasks are noted. */
  readonly sent: TaskHistory;
  readonly targets: readonly number[];
}

/** @throws SerializationError when a parameter cannot be sent; nothing has been sent then. */
export function sendCall<T>(
  { session, flags, targets, sent }: Destination,
  order: Order,
  assembly: Assembly<T>,
): AsyncResult<T> {
  const { label, track, signal } = flags;
  signal?.throwIfAborted();
  const serializer = session.serializerFor(flags.modules);
  const encode = (call: CallValue): Pick<Submission, "call" | "operation"> => {
    const asked = keeping(call, flags.keep);
    const encoded = encodeAlike(asked, serializer) ?? serializeWhenReady(() => encodeCall(asked, serializer));
    return { operation: call.operation, call: encoded };
  };
  // All of them before the first is sent.
  const calls = "each" in order ? order.each.map(encode) : [encode(order)];
  const tracker = track ? new CallTracker() : undefined;
  const packer = session.plane.packer(tracker);
  const encoded = calls.map(({ call }) => call);
  const areReady = encoded.every(isReady);
  if (areReady && encoded.length > 1) packer.packAhead(encoded);
  const tasks = calls.flatMap((call, index) => {
    const engineIds = "each" in order ? [targets[index] as number] : targets;
    return session.submit({ ...call, packer, engineIds, label, sent, onSent: tracker && (() => tracker.onSent()) });
  });
  // Of calls that wait for their bytes it is not known yet what they borrow: they count as sent when they have ended.
  if (areReady) {
    tracker?.expect({
      sends: calls.length + packer.borrowed,
      lent: packer.lent.length,
      reclaim: () => session.plane.reclaim(packer.lent),
    });
  }
  if (tracker !== undefined) whenAllSettled(tasks, () => tracker.finish());
  if (signal !== undefined) abortOn(signal, session, tasks);
  const parts = { session, assembly: flags.keep ? keptAssembly(session, assembly) : assembly, tracker };
  return new AsyncResult<T>(tasks, parts as AsyncResultParts<T>);
}

function isReady(call: Submission["call"]): call is EncodedCall {
  return !(call instanceof Promise);
}

/** For calls to one engine each. */
export function singleDirectCalls({ session, flags, sent, targets }: Destination): SingleCalls {
  const [engineId] = targets as readonly [number];
  const { label } = flags;
  return new SingleCalls(session, sent, flags, {
    kindOf: (_, beginning) => runKind(label, beginning),
    origin: { engineId, label },
    any: (call) => sendCall({ session, flags, sent, targets }, call, bareValue),
  });
}

/** One object for alike calls of one label, whatever their engines, so that they are sent together. */
function runKind(label: string | undefined, { bytes }: Beginning): RunKind {
  const { common } = lastKind;
  if (common.beginning !== bytes || common["label"] !== label) {
    lastKind = { of: "submit", common: { operation: "apply", label, beginning: bytes } };
  }
  return lastKind;
}

let lastKind: RunKind = { of: "submit", common: {} };

/** Aborts the tasks, also those that are added, when the signal does. */
export function abortOn(signal: AbortSignal, session: Session, tasks: readonly ClientTask[]): void {
  const abort = (): void => {
    session.abort(tasks).catch(() => undefined);
  };
  signal.addEventListener("abort", abort, { once: true });
  whenAllSettled(tasks, () => signal.removeEventListener("abort", abort));
}

/** Calls `listener` when all have settled; at once if there are none. */
export function whenAllSettled(tasks: readonly ClientTask[], listener: () => void): void {
  let left = tasks.length;
  if (left === 0) listener();
  for (const task of tasks) {
    task.whenSettled(() => {
      if (--left === 0) listener();
    });
  }
}
