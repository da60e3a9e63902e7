/** Sends load-balanced tasks and makes their results. */

import type { BalancedRequest } from "../protocol/balancing.ts";
import type { CallValue } from "../protocol/calls.ts";
import { serializeWhenReady } from "../tensors/handler.ts";
import { type Assembly, bareValue } from "./assembly.ts";
import { AsyncResult, type AsyncResultParts } from "./async-result.ts";
import type { ResolvedBalancedFlags } from "./balanced-flags.ts";
import { abortOn, whenAllSettled } from "./direct-call.ts";
import { type Beginning, type EncodedCall, encodeAlike, encodeCall } from "./encode-call.ts";
import { keeping, keptAssembly } from "./kept-calls.ts";
import { CallTracker } from "./send-tracker.ts";
import type { Session } from "./session.ts";
import { SingleCalls } from "./single-calls.ts";
import type { Submission } from "./submission.ts";
import type { RunKind } from "./submission-runs.ts";
import type { ClientTask, Origin } from "./task.ts";
import type { TaskHistory } from "./task-history.ts";

const NO_BUFFERS: readonly Uint8Array[] = [];
const NOTHING_SPECIAL: Pick<EncodedCall, "handles" | "inputs"> = { handles: new Set() };

/** What packs the call's buffers, and hears that it has left. */
type Means = Pick<Submission, "packer" | "onSent">;

/** Who sends, and how. */
export interface BalancedSender {
  readonly session: Session;
  readonly flags: ResolvedBalancedFlags;
  /** Where the tasks are noted. */
  readonly sent: TaskHistory;
}

/** A call, and how many items it goes through. */
export interface BalancedOrder {
  readonly call: CallValue;
  readonly units: number;
}

/** @throws SerializationError when a parameter cannot be sent; nothing has been sent then. */
export function sendBalanced<T>(
  sender: BalancedSender,
  orders: readonly BalancedOrder[],
  assembly: Assembly<T>,
): AsyncResult<T> {
  const { session, flags } = sender;
  flags.signal?.throwIfAborted();
  // All of them before the first is sent.
  const encoded = orders.map(({ call }) => encodeBalanced(sender, call));
  const tracker = flags.track ? new CallTracker() : undefined;
  const isBare = (call: EncodedCall | Promise<EncodedCall>): boolean =>
    !(call instanceof Promise) && call.buffers.length === 0;
  const isPlain = tracker === undefined && encoded.every(isBare);
  const packer = isPlain ? undefined : session.plane.packer(tracker);
  const onSent = tracker && (() => tracker.onSent());
  const tasks = encoded.map((call, index) =>
    submitBalanced(sender, call, orders[index] as BalancedOrder, { packer, onSent }),
  );
  // Of calls that wait for their bytes it is not known yet what they borrow: they count as sent when they have ended.
  if (tracker !== undefined && packer !== undefined && !encoded.some((call) => call instanceof Promise)) {
    const { borrowed, lent } = packer;
    const reclaim = (): void => session.plane.reclaim(lent);
    tracker.expect({ sends: encoded.length + borrowed, lent: lent.length, reclaim });
  }
  if (tracker !== undefined) whenAllSettled(tasks, () => tracker.finish());
  if (flags.signal !== undefined) abortOn(flags.signal, session, tasks);
  const { ordered, returnExceptions } = flags;
  return new AsyncResult<T>(tasks, {
    session,
    assembly: flags.keep ? keptAssembly(session, assembly) : assembly,
    tracker,
    ordered,
    returnExceptions,
  } as AsyncResultParts<T>);
}

/** For calls of one task each. */
export function singleBalancedCalls(sender: BalancedSender): SingleCalls {
  const { session, sent, flags } = sender;
  const { label } = flags;
  return new SingleCalls(session, sent, flags, {
    kindOf: (fn, beginning) => {
      const request = requestFor(sender, { call: { operation: "apply", fn, args: [] }, units: 1 }, NOTHING_SPECIAL);
      return runKind(label, request, beginning);
    },
    origin: originOf(flags),
    any: (call) => sendBalanced(sender, [{ call, units: 1 }], bareValue),
  });
}

/** One object for alike calls that ask for the same, so that they are sent together. */
function runKind(label: string | undefined, request: BalancedRequest, { bytes }: Beginning): RunKind {
  const { common } = lastKind;
  if (common.beginning !== bytes || common["request"] !== request || common["label"] !== label) {
    lastKind = { of: "submitBalanced", common: { operation: "apply", label, request, beginning: bytes } };
  }
  return lastKind;
}

let lastKind: RunKind = { of: "submitBalanced", common: {} };

function originOf({ label, after, follow }: ResolvedBalancedFlags): Omit<Origin, "prefix" | "submitted"> {
  return { engineId: -1, label, after: after?.taskIds, follow: follow?.taskIds };
}

/** A call, ready to be sent; a promise where a tensor's elements are still on their way from a device. */
export function encodeBalanced(
  { session, flags }: BalancedSender,
  call: CallValue,
): EncodedCall | Promise<EncodedCall> {
  const serializer = session.serializerFor(flags.modules);
  const asked = keeping(call, flags.keep);
  return encodeAlike(asked, serializer) ?? serializeWhenReady(() => encodeCall(asked, serializer));
}

/** Sends one task. */
export function submitBalanced(
  sender: BalancedSender,
  call: EncodedCall | Promise<EncodedCall>,
  order: BalancedOrder,
  means: Means = {},
): ClientTask {
  const { session, flags, sent } = sender;
  const submitted = Date.now();
  const { tasks } = session;
  const task = tasks.make(sent, tasks.originOf({ ...originOf(flags), submitted }));
  if (!tasks.begin(task)) return task;
  if (call instanceof Promise || !session.sendsAtOnce) {
    session.sendReady(call, [task], (ready) => post(sender, { task, submitted, order }, ready, means));
  } else post(sender, { task, submitted, order }, call, means);
  return task;
}

function post(
  sender: BalancedSender,
  { task, submitted, order }: { readonly task: ClientTask; readonly submitted: number; readonly order: BalancedOrder },
  call: EncodedCall,
  { packer, onSent }: Means,
): void {
  const { session, flags } = sender;
  const { operation, head: payload, buffers, handles } = call;
  const taskId = task.id;
  const { label } = flags;
  const request = requestFor(sender, order, call);
  if (handles.size > 0) session.kept.hold(handles, [task]);
  if (buffers.length === 0) {
    const message = { type: "submitBalanced", taskId, operation, submitted, label, request, payload } as const;
    session.link.send(message, NO_BUFFERS, onSent);
  } else {
    const { carrier, inline } = (packer ?? session.plane.packer()).pack(call);
    const message = {
      type: "submitBalanced",
      taskId,
      operation,
      submitted,
      label,
      request,
      payload,
      ...carrier,
    } as const;
    session.link.send(message, inline, onSent);
  }
}

/** What the scheduler is asked for. */
function requestFor(
  { flags }: BalancedSender,
  { call, units }: BalancedOrder,
  { handles, inputs }: Pick<EncodedCall, "handles" | "inputs">,
): BalancedRequest {
  const { label, targets, after, follow, timeout, retries, priority, resources } = flags;
  const kind = label ?? kindOf(call);
  const isPlain = priority === 0 && targets === "all" && !after && !follow && !retries && !resources;
  const near = handles.size === 0 ? undefined : [...new Set([...handles].map(({ value }) => value.engineId))];
  // One object for the calls of one function, so that they are sent together.
  if (isPlain && timeout === undefined && near === undefined && inputs === undefined) {
    if (plain.kind !== kind || plain.units !== units) plain = { kind, units };
    return plain;
  }
  return {
    kind,
    units,
    priority,
    targets: targets === "all" ? undefined : typeof targets === "number" ? [targets] : targets,
    resources,
    after,
    follow,
    near,
    inputs,
    timeout,
    retries,
  };
}

/** The last request that asked for nothing special. */
let plain: BalancedRequest = { kind: "", units: 0 };

const kinds = new WeakMap<object, string>();
let nextKind = 0;

/** A name for tasks that call the same function. */
function kindOf(call: CallValue): string {
  if (!("fn" in call) || (typeof call.fn !== "function" && typeof call.fn !== "object") || call.fn === null) {
    return call.operation;
  }
  let kind = kinds.get(call.fn);
  if (kind === undefined) {
    kind = `${process.pid}.${nextKind++}`;
    kinds.set(call.fn, kind);
  }
  return call.operation === "apply" ? kind : `${call.operation} ${kind}`;
}
