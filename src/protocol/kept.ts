/**
 * Values that engines keep for clients, without logic: what is told of them, and the messages that fetch and release
 * them. `owner` is the uuid of the engine that keeps the value, `id` its number there.
 */

import type { CarriesBuffers } from "./data-messages.ts";
import type { WireError } from "./wire-error.ts";

/** One value that an engine keeps. */
export interface KeptValue {
  readonly owner: string;
  readonly id: number;
  readonly engineId: number;
  /** The client for which it is kept: until that releases it, or is gone. */
  readonly client: string;
  /** Of an array or a tensor. */
  readonly dtype?: string | undefined;
  readonly shape?: readonly number[] | undefined;
  /** If it can be divided: its number of items, and what a map over it gives. */
  readonly length?: number | undefined;
  readonly output?: unknown;
}

/** A kept value, or some of its items. */
export interface KeptPiece extends Pick<KeptValue, "owner" | "id" | "engineId"> {
  readonly start?: number | undefined;
  readonly stop?: number | undefined;
}

/** What stands for kept values where the value itself is wanted: the one, a list of them, or all of them joined. */
export interface KeptArgument {
  readonly pieces: readonly KeptPiece[];
  readonly whole:
    | "one"
    | "list"
    | { readonly dist?: "block" | "roundRobin" | undefined; readonly axis?: number | undefined };
}

/** An engine asks another one for what it keeps; answered by {@link KeptArrived}. */
export interface FetchKept extends Omit<KeptPiece, "engineId"> {
  readonly type: "fetchKept";
  readonly requestId: number;
  readonly from?: string | undefined;
}

/** The value that was asked for, or why it is not to be had. */
export interface KeptArrived extends CarriesBuffers {
  readonly type: "keptArrived";
  readonly requestId: number;
  readonly to: string;
  readonly payload?: Uint8Array | undefined;
  readonly error?: WireError | undefined;
}

/** A client to the engine that keeps them: these are not needed any more. */
export interface ReleaseKept {
  readonly type: "releaseKept";
  readonly owner: string;
  readonly ids: readonly number[];
}

/** The controller to engines: what is kept for that client is not needed any more. */
export interface ClientGone {
  readonly type: "clientGone";
  readonly client: string;
}

export type KeptMessage = FetchKept | KeptArrived | ReleaseKept | ClientGone;
