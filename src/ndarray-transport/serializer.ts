/** Values to bytes and back: what a message carries. */

import { SerializationError } from "../errors.ts";
import { Decoder } from "./decode.ts";
import { Encoder } from "./encode.ts";
import { prepareTree } from "./prepare.ts";
import type { ReceivedMemory } from "./reception.ts";
import { messageOf, serializationError } from "./refusal.ts";
import { opened, type ReceivedBytes } from "./segments/slices.ts";
import type { AnyHandler, Serialized } from "./types.ts";
import { asksForPreparation, isPlain, middleOfPair, readHead, readRest, writeHead, writePair } from "./wire.ts";

export { INLINE_LIMIT, type Serialized, type TypeHandler } from "./types.ts";
export {
  beginningOfPair,
  isBeginningOfPair,
  lengthOfNumberHead,
  PAIR_START,
  readNumberHead,
  writeNumberHead,
} from "./wire.ts";
export { areFewNumbers, lengthOfNumbers, writeNumbers } from "./wire-numbers.ts";

/** What the receiver wants of a value. */
export interface DeserializeOptions {
  /** Whether the arrays in it are marked as read-only. Default: true. */
  readonly readonly?: boolean;
  /**
   * Whether the arrays outlast the task that brings them, told from what the value is without its arrays. They are put
   * where writes to them are noticed for as long as they live. Default: no.
   */
  readonly isResident?: (tree: unknown) => boolean;
  /**
   * The record in a value, as it is without its arrays, whose arrays are put together when they are first looked at, if
   * that can be: each a {@link LateArray} then. Default: none.
   */
  readonly lateIn?: (tree: unknown) => object | undefined;
  /** Where each block of memory in the value is noted. */
  readonly arrays?: ReceivedMemory[];
}

/**
 * Takes values apart for sending and puts them together again.
 *
 * What travels exactly: undefined, booleans, numbers (also NaN and -0), bigints and strings of any content; records and
 * lists, with holes, cycles and references that meet in one object; Map, Set, Date, RegExp, URL; typed arrays, Buffer,
 * DataView, ArrayBuffer; ndarrays; registered types.
 *
 * What changes on the way: records without a prototype get the usual one; shared memory arrives as ordinary memory; two
 * views of one memory arrive as two memories; errors of a class of one's own arrive as the standard class that theirs
 * derives from, with all their properties; properties named by symbols, properties that are not enumerable, and extra
 * properties of built-in objects stay behind. Of a list of plain data, extra properties are kept only if it is the
 * result of a match, or has holes.
 */
export class Serializer {
  private readonly handlers: readonly AnyHandler[];

  /** @param handlers types beside the built-in ones, such as functions; they are asked in this order */
  constructor(handlers: readonly AnyHandler[] = []) {
    this.handlers = handlers;
  }

  /**
   * The bytes of `value`. The memory of its large arrays is not copied: it may not change before they are sent.
   *
   * @param value anything that can be sent
   * @param name what `value` is called in errors; the path to the culprit begins with it
   * @throws SerializationError when something in `value` cannot be sent; its `path` leads there
   */
  serialize(value: unknown, name = "value"): Serialized {
    const { head, buffers, keys } = this.serializeUnopened(value, name);
    return { head, buffers: buffers.length === 0 ? NO_BUFFERS : buffers.map(opened), ...(keys && { keys }) };
  }

  /** As {@link serialize}: a {@link LateArray} in the value is not opened. */
  serializeUnopened(value: unknown, name = "value"): Serialized<ReceivedBytes> {
    if (isPrimitive(value)) return { head: writeHead(value, false), buffers: NO_BUFFERS };
    const encoder = new Encoder(this.handlers);
    try {
      const tree = encoder.walk(value);
      const { buffers, hasSpecial, handled } = encoder;
      if (hasSpecial && this.handlers.some((handler) => "isStale" in handler && handler.isStale?.())) {
        return this.serializeUnopened(value, name);
      }
      const keys = handled.keys();
      return { head: writeHead(tree, hasSpecial, handled.needsPreparation), buffers, ...(keys && { keys }) };
    } catch (error) {
      throw serializationError(error, name);
    }
  }

  /**
   * A value and a list in one: `head` is of a value that was serialized before, and had no buffers, `list` is added to it.
   * For the parts of messages that are alike. `undefined` if the list is not plain data.
   */
  serializePair(head: Uint8Array, list: readonly unknown[]): Serialized | undefined {
    if (list.every(isPrimitive)) return { head: writePair(head, list), buffers: NO_BUFFERS };
    const encoder = new Encoder(this.handlers);
    try {
      encoder.walk(list);
    } catch {
      // Whoever serializes all of it says what is wrong, and where.
      return undefined;
    }
    const { hasSpecial, buffers } = encoder;
    return hasSpecial || buffers.length > 0 ? undefined : { head: writePair(head, list), buffers: NO_BUFFERS };
  }

  /**
   * Where in what {@link serializePair} gave, which lies between these places, the head ends that was given there, which
   * begins {@link PAIR_START} bytes after its start; `undefined` for other heads.
   * @throws SerializationError
   */
  middleOfPair(bytes: Buffer, start: number, end: number): number | undefined {
    try {
      return middleOfPair(bytes, start, end);
    } catch (error) {
      throw unreadable(error);
    }
  }

  /** The list in what {@link serializePair} gave. @throws SerializationError */
  deserializeList(bytes: Buffer, middle: number, end: number): unknown {
    try {
      return readRest(bytes, middle, end);
    } catch (error) {
      throw unreadable(error);
    }
  }

  /**
   * Starts what {@link deserialize} will need for this head and cannot wait for: the import of modules.
   *
   * @returns a promise if there is something to wait for; it rejects with what went wrong
   */
  prepare(head: Uint8Array): Promise<unknown> | undefined {
    if (!asksForPreparation(head)) return undefined;
    return prepareTree(readHead(head), this.handlers);
  }

  /**
   * The value that {@link serialize} was given. Its large arrays lie in the memory of `buffers`, without a copy where
   * they are aligned there.
   *
   * @throws SerializationError when `head` and `buffers` are no serialized value, or one that cannot be read here
   */
  deserialize(head: Uint8Array, buffers: readonly ReceivedBytes[], options: DeserializeOptions = {}): unknown {
    try {
      const tree = readHead(head);
      if (isPlain(head)) return tree;
      const { readonly = true, isResident, lateIn, arrays } = options;
      const reception = { readonly, resident: isResident?.(tree) ?? false, lateIn: lateIn?.(tree), arrays };
      return new Decoder(buffers, this.handlers, reception).walk(tree);
    } catch (error) {
      throw unreadable(error);
    }
  }
}

const NO_BUFFERS: Serialized["buffers"] = [];

/** Node 20 has the method; the types of the language version that is compiled for do not. */
type Text = string & { isWellFormed(): boolean };

/** What travels as it is. Not zero, which may be negative. */
function isPrimitive(value: unknown): boolean {
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return (value as Text).isWellFormed();
  return typeof value === "boolean" || value === undefined;
}

function unreadable(error: unknown): SerializationError {
  if (error instanceof SerializationError) return error;
  return new SerializationError(`the received data cannot be read: ${messageOf(error)}`, undefined, { cause: error });
}
