/**
 * An imap over the targets of a direct view, which take the elements in turn, one for each task. Leaving the loop aborts what has not started.
 */

import type { CallValue } from "../protocol/calls.ts";
import { serializeWhenReady } from "../tensors/handler.ts";
import type { Destination } from "./direct-call.ts";
import { encodeCall } from "./encode-call.ts";
import { imap, mostUnderWay } from "./imap.ts";
import { keeping } from "./kept-calls.ts";
import type { ClientTask } from "./task.ts";

export function directImap<R>(
  { session, flags, targets, sent }: Destination,
  fn: unknown,
  sequences: readonly unknown[],
): AsyncGenerator<R, void, undefined> {
  const { label, signal, maxOutstanding } = flags;
  const limit = mostUnderWay(maxOutstanding, targets.length);
  const submit = (args: readonly unknown[], index: number): ClientTask => {
    const value: CallValue = { operation: "apply", fn, args };
    const engineIds = [targets[index % targets.length] as number];
    const [task] = session.submit({
      call: serializeWhenReady(() => encodeCall(keeping(value, flags.keep), session.serializerFor(flags.modules))),
      operation: value.operation,
      engineIds,
      label,
      sent,
    });
    return task as ClientTask;
  };
  const abort = (tasks: readonly ClientTask[]): Promise<void> => session.abort(tasks);
  return imap({ submit, abort, limit, ordered: true, returnExceptions: false, signal }, sequences);
}
