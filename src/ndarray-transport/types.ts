/** What the layers above see of serialized values: the parts of one, and how to add a kind of value. */

import type { Refusal } from "./refusal.ts";

/**
 * A serialized value: a small head, and the bytes of its large arrays beside it, in memory that was not copied.
 * The head may share its ArrayBuffer with other heads: do not transfer it.
 */
export interface Serialized<Bytes = Uint8Array> {
  readonly head: Uint8Array;
  readonly buffers: readonly Bytes[];
  /**
   * For each buffer the key of its content (see `content-key.ts`), or undefined. Buffers that are likely to be sent
   * again have one: two buffers of one key hold the same bytes, so a receiver that kept one needs no second. Absent if
   * no buffer has a key.
   */
  readonly keys?: readonly (string | undefined)[];
}

/** Anything that is, or is over, a block of bytes. */
export type Memory = ArrayBufferView | ArrayBufferLike;

/** Where a walk is when it meets a value. */
export interface WalkState {
  /** Whether the walk is inside a value of that handler. */
  isInside(handlerName: string): boolean;
  /** Whether the walk has met `value` before: it is part of what is being sent. */
  hasMet(value: object): boolean;
}

/** Anything that a handler may be asked about. */
export type Subject = object | ((...args: never[]) => unknown);

interface HandlerBase {
  readonly name: string;
  /**
   * When the handler is asked: among the first, about functions and objects that are neither plain data nor built in,
   * or after all other types have declined. Default: first.
   */
  readonly turn?: "first" | "last";
  /** Whether the buffers inside its values get content keys. */
  readonly isKeyed?: boolean;
  test(value: Subject, state: WalkState): boolean;
  /** What is sent instead of `value`: itself, or another object, which then counts as the same one. */
  standIn?(value: Subject): Subject;
  /**
   * Rewrites a refusal that comes out of `value`: its path so far begins at the payload; or at `part`, which `value`
   * needed in order to be made.
   */
  refusalIn?(value: never, refusal: Refusal, part?: object): Refusal;
}

/**
 * How values of one type travel: told by `test`, taken apart by `encode` into something that can be sent, put together
 * by `decode`. The payload may hold anything that can be sent, but not the value itself.
 */
export interface TypeHandler extends HandlerBase {
  encode(value: never): unknown;
  decode(payload: never): unknown;
  /** Starts what `decode` needs and cannot wait for; undefined if all is there. */
  prepare?(payload: unknown): Promise<unknown> | undefined;
}

/** A value taken apart in two steps: what is needed to make it, and what is put into it afterwards. */
export interface Steps {
  readonly head: unknown;
  readonly body: unknown;
  /** Making the value runs code that may use what is in the head: all of it has to be complete by then. */
  readonly runsCode: boolean;
}

/** How values that may contain themselves travel, at any distance, but for what is in their heads. */
export interface SteppedHandler extends HandlerBase {
  takeApart(value: never): Steps;
  /** Makes the value. `complete` is called with the body, once it has been read. */
  begin(head: never): { readonly value: object; complete(body: never): void };
  /** Whether it has turned out, while a value was walked, that what was taken apart first has to be again. */
  isStale?(): boolean;
}

export type AnyHandler = TypeHandler | SteppedHandler;

/** Arrays of at least this many bytes become buffers beside the head, without a copy; smaller ones ride in the head. */
export const INLINE_LIMIT: number = 64 * 1024;
