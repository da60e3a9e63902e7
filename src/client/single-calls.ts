/** Calls that each go to one engine and give the bare value: there may be many of them at once. */

import type { CallValue } from "../protocol/calls.ts";
import { bareValue } from "./assembly.ts";
import { AsyncResult, type AsyncResultParts } from "./async-result.ts";
import { type EncodedCall, encodeAlike } from "./encode-call.ts";
import type { ResolvedFlags } from "./flags.ts";
import type { Session } from "./session.ts";
import type { ClientTask } from "./task.ts";

type ApplyCall = Extract<CallValue, { operation: "apply" }>;

/** How the calls of a view are sent. */
export interface SingleCallWays {
  /** For those that need nothing but to be sent: they have no buffers. */
  readonly bare: (encoded: EncodedCall, call: ApplyCall) => ClientTask;
  /** For all others. */
  readonly any: (call: ApplyCall) => AsyncResult<unknown>;
}

export class SingleCalls {
  readonly #ways: SingleCallWays;
  readonly #session: Session;
  readonly #modules: ResolvedFlags["modules"];
  /** What the results have in common. */
  readonly #parts: AsyncResultParts<unknown>;
  readonly #mayBeBare: boolean;

  constructor(
    session: Session,
    flags: Pick<ResolvedFlags, "track" | "keep" | "signal" | "modules"> & { readonly returnExceptions?: boolean },
    ways: SingleCallWays,
  ) {
    this.#ways = ways;
    this.#session = session;
    this.#modules = flags.modules;
    this.#parts = { session, assembly: bareValue, returnExceptions: flags.returnExceptions };
    this.#mayBeBare = !flags.track && !flags.keep && flags.signal === undefined;
  }

  /** @throws SerializationError when a parameter cannot be sent; nothing has been sent then. */
  send(fn: unknown, args: readonly unknown[]): AsyncResult<unknown> {
    const call: ApplyCall = { operation: "apply", fn, args };
    const encoded = this.#mayBeBare ? encodeAlike(call, this.#session.serializerFor(this.#modules)) : undefined;
    if (encoded === undefined) return this.#ways.any(call);
    return new AsyncResult(this.#ways.bare(encoded, call), this.#parts);
  }
}
