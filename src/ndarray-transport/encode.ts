/**
 * Takes a value apart for sending: a walk that copies only what holds something special.
 *
 * Plain data (records, lists, strings, numbers, …) comes out as it went in, to be written by msgpack; what msgpack does
 * not know comes out as a {@link Special}. Objects are numbered in the order in which they are met, so that a second
 * meeting becomes a reference. The numbers must be those that the walk in decode.ts counts.
 */

import { types } from "node:util";
import { builtInByNature, builtInByPrototype, isForeignPlain } from "./encode-builtins.ts";
import { HandledValues, type NumberingWalker } from "./encode-handled.ts";
import { encodeNdArray } from "./encode-ndarray.ts";
import { LateArray } from "./late-array.ts";
import { addMemory, bytesShown } from "./memory.ts";
import { isNdArray } from "./ndarrays.ts";
import { messageOf, propertyStep, Refusal, stepOut } from "./refusal.ts";
import { refusalByKind, refusalOf } from "./refusal-reasons.ts";
import { type RegisteredType, registeredTypeOf } from "./registry.ts";
import type { ReceivedBytes } from "./segments/slices.ts";
import type { AnyHandler, Memory, Subject } from "./types.ts";
import { Kind, Special, writeSegment } from "./wire.ts";

/** How deep values may nest; on the main thread the call stack allows between 1100 and 1900 levels, by their type. */
const DEPTH_LIMIT = 1000;
/** After so many levels the rest is written separately, because msgpackr needs more of the call stack than the walk. */
const SEGMENT_DEPTH = 200;

type PlainRecord = Record<string, unknown>;
/** Node 20 has the method; the types of the language version that is compiled for do not. */
type Text = string & { isWellFormed(): boolean };

/** One walk over one value. */
export class Encoder implements NumberingWalker {
  readonly buffers: ReceivedBytes[] = [];
  readonly unfinished: Set<object> = new Set<object>();
  readonly handled: HandledValues;
  hasSpecial = false;
  private readonly numbers = new Map<object, number>();
  private depth = 0;

  constructor(handlers: readonly AnyHandler[]) {
    this.handled = new HandledValues(handlers, this);
  }

  numberOf(value: object): number | undefined {
    return this.numbers.get(value);
  }

  /**
   * What to send in place of `value`: itself, if nothing in it is special.
   *
   * @throws Refusal, or whatever a getter in `value` throws
   */
  walk(value: unknown): unknown {
    switch (typeof value) {
      case "number":
        return value === 0 && 1 / value < 0 ? this.special([Kind.negativeZero]) : value;
      case "string":
        return (value as Text).isWellFormed() ? value : this.special([Kind.text, Buffer.from(value, "utf16le")]);
      case "object":
        return value === null ? null : this.object(value);
      case "function":
        return this.object(this.handled.standIn(value as Subject));
      case "symbol":
        throw new Refusal("is a symbol, which means nothing in another process; send a string");
      default:
        return value;
    }
  }

  private special(parts: unknown[]): Special {
    this.hasSpecial = true;
    return new Special(parts);
  }

  private object(value: object): unknown {
    const number = this.numbers.get(value);
    if (number !== undefined) return this.reference(value, number);
    this.numbers.set(value, this.numbers.size);
    if (this.depth === DEPTH_LIMIT) {
      throw new Refusal(`is nested more than ${DEPTH_LIMIT} levels deep; send it in a flatter form, such as a list`);
    }
    this.depth++;
    const sent = this.takeApart(value);
    const isSegment = this.depth % SEGMENT_DEPTH === 0;
    this.depth--;
    return isSegment ? this.special([Kind.segment, writeSegment(sent)]) : sent;
  }

  private reference(value: object, number: number): Special {
    if (this.unfinished.has(value)) {
      throw new Refusal(
        "leads back to a value that it is part of, through a type that cannot be put together in steps",
      );
    }
    return this.special([Kind.reference, number]);
  }

  private takeApart(value: object): unknown {
    if (typeof value === "function") return this.other(value);
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (this.handled.isInsideAny && types.isProxy(value)) throw refusalOf(value);
    if (prototype === Object.prototype || prototype === null) return this.record(value as PlainRecord);
    if (prototype === Array.prototype && Array.isArray(value)) return this.list(value);
    const builtIn = builtInByPrototype(prototype);
    return builtIn === undefined ? this.other(value) : this.special(builtIn.encode(value as never, this));
  }

  /** What is neither plain nor built in: types that somebody taught, ndarrays, and objects of other realms. */
  private other(value: object): unknown {
    if (value instanceof LateArray) return this.late(value);
    const handler = this.handled.find(value, "first");
    if (handler !== undefined) return this.special(this.handled.encode(value, handler));
    if (typeof value === "function") throw refusalOf(value);
    const type = registeredTypeOf(value);
    if (type !== undefined) return this.registered(value, type);
    if (isNdArray(value)) return this.special(encodeNdArray(value, this));
    if (isForeignPlain(value)) return Array.isArray(value) ? this.list(value) : this.record(value as PlainRecord);
    const builtIn = builtInByNature(value);
    if (builtIn !== undefined) return this.special(builtIn.encode(value as never, this));
    const refusal = refusalByKind(value);
    const last = refusal ? undefined : this.handled.find(value, "last");
    if (last === undefined) throw refusal ?? refusalOf(value);
    return this.special(this.handled.encode(value, last));
  }

  /** An array that nobody has looked at is sent as it came. */
  private late(late: LateArray): unknown {
    const { bytes } = late;
    // It has its number already, which the array would get.
    if (bytes === undefined) return this.takeApart(late.open() as object);
    return this.special(late.parts(this.buffers.push(bytes) - 1));
  }

  private registered(value: object, type: RegisteredType): Special {
    this.unfinished.add(value);
    const { meta, buffers } = takeApartByType(value, type);
    const parts: unknown[] = [Kind.registered, type.name];
    try {
      parts.push(this.walk(meta));
    } catch (error) {
      throw stepOut(error, ".meta");
    }
    for (const buffer of buffers) {
      const memory: unknown[] = [];
      addMemory(memory, this.buffers, buffer, bytesShown(buffer), 0);
      parts.push(memory);
    }
    this.unfinished.delete(value);
    return this.special(parts);
  }

  private record(value: PlainRecord): unknown {
    const keys = Object.keys(value);
    let copy: PlainRecord | undefined;
    let at = 0;
    try {
      for (; at < keys.length; at++) {
        const key = keys[at] as string;
        if (key === "__proto__" || !(key as Text).isWellFormed()) break;
        const item = value[key];
        const sent = this.walk(item);
        if (copy !== undefined) copy[key] = sent;
        else if (sent !== item && !Number.isNaN(item)) {
          copy = {};
          for (let i = 0; i < at; i++) copy[keys[i] as string] = value[keys[i] as string];
          copy[key] = sent;
        }
      }
    } catch (error) {
      throw stepOut(error, propertyStep(keys[at] as string));
    }
    const sent = copy ?? value;
    return at === keys.length ? sent : this.unusualRecord(value, keys, sent, at);
  }

  /** A record with a key that msgpack would change. The first `done` properties are taken from `sent`. */
  private unusualRecord(value: PlainRecord, keys: readonly string[], sent: PlainRecord, done: number): Special {
    const parts: unknown[] = [Kind.record];
    for (let i = 0; i < done; i++) parts.push(keys[i], sent[keys[i] as string]);
    for (let i = done; i < keys.length; i++) this.entry(parts, keys[i] as string, value[keys[i] as string]);
    return this.special(parts);
  }

  private list(value: unknown[]): unknown {
    const length = value.length;
    let copy: unknown[] | undefined;
    let at = 0;
    try {
      for (; at < length; at++) {
        const item = value[at];
        if (typeof item === "number" && item !== 0 && copy === undefined) continue;
        if (item === undefined && !(at in value)) break;
        const sent = this.walk(item);
        if (copy !== undefined) copy.push(sent);
        else if (sent !== item && !Number.isNaN(item)) {
          copy = value.slice(0, at);
          copy.push(sent);
        }
      }
    } catch (error) {
      throw stepOut(error, `[${at}]`);
    }
    const sent = copy ?? value;
    return at < length || hasNamedProperties(value, copy !== undefined) ? this.unusualList(value, sent, at) : sent;
  }

  /** A list with holes or named properties. The first `done` items are taken from `sent`. */
  private unusualList(value: unknown[], sent: readonly unknown[], done: number): Special {
    const parts: unknown[] = [Kind.list, value.length];
    for (let i = 0; i < done; i++) parts.push(i, sent[i]);
    const keys = Object.keys(value);
    for (let i = done; i < keys.length; i++) {
      const key = keys[i] as string;
      const index = Number(key) >>> 0;
      const isIndex = String(index) === key && index < value.length;
      this.entry(parts, isIndex ? index : key, value[key as unknown as number]);
    }
    return this.special(parts);
  }

  private entry(parts: unknown[], key: string | number, item: unknown): void {
    try {
      parts.push(this.walk(key), this.walk(item));
    } catch (error) {
      throw stepOut(error, propertyStep(key));
    }
  }
}

/**
 * Whether a list has properties beside its items. Telling that of any list costs as much as sending it, so lists of
 * plain data are only asked for the names that the language itself gives them: results of a match, template strings.
 */
function hasNamedProperties(list: unknown[], thoroughly: boolean): boolean {
  if (thoroughly) return Object.keys(list).length !== list.length;
  return "groups" in list || "raw" in list;
}

function takeApartByType(value: object, type: RegisteredType): { meta: unknown; buffers: readonly Memory[] } {
  let parts: ReturnType<RegisteredType["serialize"]>;
  try {
    parts = type.serialize(value);
  } catch (error) {
    throw new Refusal(`was refused by the registered type "${type.name}": ${messageOf(error)}`, error);
  }
  const buffers = parts?.buffers;
  if (
    !Array.isArray(buffers) ||
    !buffers.every((buffer) => ArrayBuffer.isView(buffer) || types.isAnyArrayBuffer(buffer))
  ) {
    throw new Refusal(
      `cannot be sent: serialize of the registered type "${type.name}" must return { meta, buffers }, ` +
        "where buffers is a list of typed arrays, Buffers, DataViews or ArrayBuffers",
    );
  }
  return { meta: parts.meta, buffers: buffers as readonly Memory[] };
}
