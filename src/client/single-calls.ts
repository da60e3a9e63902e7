/** Calls that each go to one engine and give the bare value: there may be many of them at once. */

import { areFewNumbers, lengthOfNumbers, writeNumbers } from "../ndarray-transport/serializer.ts";
import type { CallValue } from "../protocol/calls.ts";
import { bareValue } from "./assembly.ts";
import { AsyncResult, type AsyncResultParts } from "./async-result.ts";
import { type Beginning, beginningOf } from "./encode-call.ts";
import type { ResolvedFlags } from "./flags.ts";
import type { Session } from "./session.ts";
import type { RunKind } from "./submission-runs.ts";
import type { ClientTask, Origin } from "./task.ts";
import type { TaskHistory } from "./task-history.ts";

export type ApplyCall = Extract<CallValue, { operation: "apply" }>;

/** How the calls of a view are sent. */
export interface SingleCallWays {
  /** For those that have no buffers: what they have in common. */
  readonly kindOf: (fn: unknown, beginning: Beginning) => RunKind;
  /** What tasks of these are sent as. */
  readonly origin: Omit<Origin, "prefix" | "submitted">;
  /** For all others. */
  readonly any: (call: ApplyCall) => AsyncResult<unknown>;
}

export interface SingleCallsFlags extends Pick<ResolvedFlags, "track" | "keep" | "signal" | "modules"> {
  readonly returnExceptions?: boolean;
}

export class SingleCalls {
  readonly #ways: SingleCallWays;
  readonly #session: Session;
  readonly #sent: TaskHistory;
  readonly #modules: ResolvedFlags["modules"];
  /** What the results have in common. */
  readonly #parts: AsyncResultParts<unknown>;
  readonly #mayBeBare: boolean;
  /** What the calls of the function have in common that was called last. */
  #beginning: Beginning | undefined;
  #kind: RunKind | undefined;
  /** What was sent at the same time as the last task was sent as. */
  #origin: Origin | undefined;

  /** @param sent where the tasks are noted */
  constructor(session: Session, sent: TaskHistory, flags: SingleCallsFlags, ways: SingleCallWays) {
    this.#ways = ways;
    this.#session = session;
    this.#sent = sent;
    this.#modules = flags.modules;
    this.#parts = { session, assembly: bareValue, returnExceptions: flags.returnExceptions };
    this.#mayBeBare = !flags.track && !flags.keep && flags.signal === undefined;
  }

  /** @throws SerializationError when a parameter cannot be sent; nothing has been sent then. */
  send(fn: unknown, args: readonly unknown[]): AsyncResult<unknown> {
    const task = this.#mayBeBare && this.#session.sendsAtOnce ? this.#sendBare(fn, args) : undefined;
    return task === undefined ? this.#ways.any({ operation: "apply", fn, args }) : new AsyncResult(task, this.#parts);
  }

  /** The task of a call that needs nothing but to be sent; `undefined` for others. */
  #sendBare(fn: unknown, args: readonly unknown[]): ClientTask | undefined {
    const serializer = this.#session.serializerFor(this.#modules);
    const beginning = beginningOf(fn, serializer);
    if (beginning === undefined) return undefined;
    const kind = this.#kindOf(fn, beginning);
    if (areFewNumbers(args)) {
      return this.#submit(kind, lengthOfNumbers(args), (bytes, at) => writeNumbers(bytes, at, args));
    }
    const rest = serializer.serializePair(beginning.head, args)?.head.subarray(beginning.bytes.byteLength);
    return rest && this.#submit(kind, rest.byteLength, (bytes, at) => bytes.set(rest, at));
  }

  /** @param write writes so many bytes: the payload without its beginning */
  #submit(kind: RunKind, byteLength: number, write: (bytes: Buffer, at: number) => void): ClientTask {
    const { tasks, link } = this.#session;
    const task = tasks.make(this.#sent, this.#originNow());
    if (tasks.begin(task)) link.submissions.add(kind, task, byteLength, write);
    return task;
  }

  #kindOf(fn: unknown, beginning: Beginning): RunKind {
    if (this.#kind === undefined || beginning !== this.#beginning) {
      this.#kind = this.#ways.kindOf(fn, beginning);
      this.#beginning = beginning;
    }
    return this.#kind;
  }

  #originNow(): Origin {
    const submitted = Date.now();
    if (this.#origin?.submitted !== submitted) {
      this.#origin = this.#session.tasks.originOf({ ...this.#ways.origin, submitted });
    }
    return this.#origin;
  }
}
