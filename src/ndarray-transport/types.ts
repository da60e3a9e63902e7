/** What the layers above see of serialized values: the parts of one, and how to add a kind of value. */

/**
 * A serialized value: a small head, and the bytes of its large arrays beside it, in memory that was not copied.
 * The head may share its ArrayBuffer with other heads: do not transfer it.
 */
export interface Serialized {
  readonly head: Uint8Array;
  readonly buffers: readonly Uint8Array[];
}

/**
 * How values of one type travel: told by `test`, taken apart by `encode` into something that can be sent, put together
 * by `decode`. Asked about functions, and about objects that are neither plain data nor one of the built-in types.
 * The payload may hold anything that can be sent, but not the value itself.
 */
export interface TypeHandler {
  readonly name: string;
  test(value: object | ((...args: never[]) => unknown)): boolean;
  encode(value: never): unknown;
  decode(payload: never): unknown;
}

/** Arrays of at least this many bytes become buffers beside the head, without a copy; smaller ones ride in the head. */
export const INLINE_LIMIT: number = 64 * 1024;
