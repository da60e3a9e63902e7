/**
 * Puts a received value together: the counterpart of the walk in encode.ts.
 *
 * Walks what msgpack read, in place, and replaces each special by what it stands for. Counts objects in the order in
 * which encode.ts met them, so that references find theirs. What makes no sense throws an Error of any class; the
 * serializer makes one kind of it.
 */

import { SerializationError } from "../errors.ts";
import { emptyList, simpleValue, textOf } from "./decode-simple.ts";
import type { TypedArray } from "./dtypes.ts";
import { LateArray } from "./late-array.ts";
import { isLayout } from "./layout.ts";
import { readMemory, unopenedLength } from "./memory.ts";
import { makeNdArray, sizeOf } from "./ndarrays.ts";
import { markReadonly } from "./readonly.ts";
import type { Reception } from "./reception.ts";
import { messageOf } from "./refusal.ts";
import { registeredType, rememberType } from "./registry.ts";
import type { ReceivedBytes, UnopenedBytes } from "./segments/slices.ts";
import { standardErrors } from "./standard-errors.ts";
import type { AnyHandler } from "./types.ts";
import { isSpecial, Kind, readSegment } from "./wire.ts";

type Parts = readonly unknown[];

/** Holds the number of an object that can only be made when its parts are there. */
const UNFINISHED = Symbol("unfinished");

/** One walk over one received value. */
export class Decoder {
  private readonly buffers: readonly ReceivedBytes[];
  private readonly handlers: readonly AnyHandler[];
  private readonly reception: Reception;
  private readonly objects: unknown[] = [];
  /** What completes the values whose bodies had to wait, by their number. */
  private readonly completions = new Map<unknown, (body: never) => void>();

  /** @param reception how the arrays in the value are treated */
  constructor(buffers: readonly ReceivedBytes[], handlers: readonly AnyHandler[], reception: Reception) {
    this.buffers = buffers;
    this.handlers = handlers;
    this.reception = reception;
  }

  /** @param value what msgpack read; its lists and records are changed */
  walk(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return this.list(value);
    if (Object.getPrototypeOf(value) === Object.prototype) return this.record(value as Record<string, unknown>);
    if (isSpecial(value)) return this.special(value.parts);
    throw new Error("it holds an object of a kind that is never sent");
  }

  private list(list: unknown[]): unknown[] {
    this.objects.push(list);
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      if (typeof item === "object" && item !== null) list[i] = this.walk(item);
    }
    return list;
  }

  private record(record: Record<string, unknown>): Record<string, unknown> {
    this.objects.push(record);
    const isLate = record === this.reception.lateIn;
    for (const key of Object.keys(record)) {
      const item = record[key];
      if (typeof item !== "object" || item === null) continue;
      record[key] = (isLate ? this.late(item) : undefined) ?? this.walk(item);
    }
    return record;
  }

  /** An array whose memory is not open yet. What makes no sense is left for {@link walk} to say. */
  private late(item: object): LateArray | undefined {
    if (!isSpecial(item)) return undefined;
    const { parts } = item;
    if (parts[0] === Kind.segment) return this.late(readSegment(parts[1]) as object);
    const isNdArray = parts[0] === Kind.ndarray;
    if (!isNdArray && parts[0] !== Kind.memory) return undefined;
    const at = isNdArray ? 4 : 1;
    const index = parts[at + 1] as number;
    const bytes = this.buffers[index] as UnopenedBytes;
    const length = unopenedLength(parts, at, bytes);
    if (length === undefined) return undefined;
    const [, shape, stride, offset] = parts as [number, number[], number[], number];
    if (isNdArray && !fits(shape, stride, offset, length)) return undefined;
    // Nothing else of the message is kept for it.
    const buffers: ReceivedBytes[] = [];
    buffers[index] = bytes;
    const reception = { ...this.reception, lateIn: undefined, arrays: undefined };
    const { handlers } = this;
    const make = (): unknown => new Decoder(buffers, handlers, reception).walk(item);
    return this.known(new LateArray(bytes, make, (buffer) => [...parts.slice(0, at + 1), buffer, bytes.byteLength]));
  }

  private special(parts: Parts): unknown {
    switch (parts[0]) {
      case Kind.reference:
        return this.reference(parts[1] as number);
      case Kind.negativeZero:
        return -0;
      case Kind.text:
        return textOf(parts[1]);
      case Kind.record:
        return this.entries(this.known({}), parts, 1);
      case Kind.list:
        return this.entries(this.known(emptyList(parts)), parts, 2);
      case Kind.map:
        return this.map(parts);
      case Kind.set:
        return this.set(parts);
      case Kind.error:
        return this.error(parts);
      case Kind.memory:
        return this.known(this.received(readMemory(parts, 1, this.buffers, this.reception)));
      case Kind.ndarray:
        return this.ndarray(parts);
      case Kind.ndarrayList:
        return this.ndarrayList(parts);
      case Kind.handler:
        return this.handled(parts);
      case Kind.stepped:
        return this.stepped(parts);
      case Kind.registered:
        return this.registered(parts);
      case Kind.segment:
        return this.walk(readSegment(parts[1]));
      default:
        return this.known(simpleValue(parts));
    }
  }

  /** Gives `object` its number. */
  private known<T>(object: T): T {
    this.objects.push(object);
    return object;
  }

  private received<T>(array: T): T {
    return this.reception.readonly ? markReadonly(array) : array;
  }

  private reference(number: number): unknown {
    const object = this.objects[number];
    if (object === undefined || object === UNFINISHED) {
      throw new Error(`it refers to object ${String(number)}, which is not there`);
    }
    return object instanceof LateArray ? object.open() : object;
  }

  /** Reads the entries from position `start` on, up to position `end`, into `target`. */
  private entries<T extends object>(target: T, parts: Parts, start: number, end = parts.length, enumerable = true): T {
    if ((end - start) % 2 !== 0) throw new Error("it holds a key without a value");
    for (let i = start; i < end; i += 2) {
      const key = this.walk(parts[i]);
      const value = this.walk(parts[i + 1]);
      if (typeof key === "string") {
        Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true });
      } else {
        if (!isIndexOf(target, key)) throw new Error("it holds a key that cannot be");
        (target as unknown[])[key] = value;
      }
    }
    return target;
  }

  private map(parts: Parts): Map<unknown, unknown> {
    if (parts.length % 2 !== 1) throw new Error("it holds a key without a value");
    const map = this.known(new Map<unknown, unknown>());
    for (let i = 1; i < parts.length; i += 2) map.set(this.walk(parts[i]), this.walk(parts[i + 1]));
    return map;
  }

  private set(parts: Parts): Set<unknown> {
    const set = this.known(new Set<unknown>());
    for (let i = 1; i < parts.length; i++) set.add(this.walk(parts[i]));
    return set;
  }

  private error(parts: Parts): Error {
    const make = standardErrors.get(parts[1] as string);
    const hidden = parts[2] as number;
    if (make === undefined || !Number.isInteger(hidden) || hidden < 0 || 3 + 2 * hidden > parts.length) {
      throw new Error("it holds an error that makes no sense");
    }
    const error = this.known(make());
    this.entries(error, parts, 3, 3 + 2 * hidden, false);
    return this.entries(error, parts, 3 + 2 * hidden);
  }

  private ndarray(parts: Parts): unknown {
    const data = readMemory(parts, 4, this.buffers, this.reception);
    if (!("length" in data)) throw new Error("it holds an ndarray over something without elements");
    const [, shape, stride, offset] = parts as [number, number[], number[], number];
    checkLayout(shape, stride, offset, data.length as number);
    return this.known(this.received(makeNdArray(data as TypedArray, shape, stride, offset)));
  }

  private ndarrayList(parts: Parts): unknown {
    const [, shape, stride, offset] = parts as [number, number[], number[], number];
    const data: unknown[] = [];
    // Made before its elements are read, because they may refer to it.
    if (!isLayout(shape, stride, offset, Number.POSITIVE_INFINITY)) throw new Error("it holds an impossible ndarray");
    const array = this.known(makeNdArray(data, shape, stride, offset));
    const list = this.walk(parts[4]);
    if (!Array.isArray(list)) throw new Error("it holds an ndarray without data");
    checkLayout(shape, stride, offset, list.length);
    for (const key of Object.keys(list)) data[key as unknown as number] = list[key as unknown as number];
    data.length = list.length;
    return this.received(array);
  }

  private handled(parts: Parts): unknown {
    const [, name, tree] = parts;
    const handler = this.handlers.find((candidate) => candidate.name === name);
    if (handler === undefined || !("decode" in handler)) throw unknownHandler(name);
    const number = this.objects.push(UNFINISHED) - 1;
    const payload = this.walk(tree);
    const value = putTogether(handler.name, () => handler.decode(payload as never));
    this.objects[number] = value;
    return value;
  }

  private stepped(parts: Parts): unknown {
    const [, name, head] = parts;
    const handler = this.handlers.find((candidate) => candidate.name === name);
    if (handler === undefined || !("begin" in handler)) throw unknownHandler(name);
    const number = this.objects.push(UNFINISHED) - 1;
    const payload = this.walk(head);
    const { value, complete } = putTogether(handler.name, () => handler.begin(payload as never));
    this.objects[number] = value;
    if (parts.length === 3) {
      this.completions.set(number, complete);
      return value;
    }
    complete(this.walk(parts[3]) as never);
    for (let i = 4; i < parts.length; i += 2) {
      const completeLater = this.completions.get(parts[i]);
      if (completeLater === undefined) throw new Error("it holds the rest of a value that is not there");
      this.completions.delete(parts[i]);
      completeLater(this.walk(parts[i + 1]) as never);
    }
    return value;
  }

  private registered(parts: Parts): unknown {
    const [, name, tree, ...memories] = parts;
    const type = registeredType(name as string);
    if (type === undefined) {
      throw new SerializationError(
        `the type "${String(name)}" was received, but is not registered in this process; call registerType there too`,
      );
    }
    const number = this.objects.push(UNFINISHED) - 1;
    const meta = this.walk(tree);
    const buffers = memories.map((memory) =>
      this.received(readMemory(memory as Parts, 0, this.buffers, this.reception)),
    );
    const value = putTogether(type.name, () => type.deserialize({ meta, buffers }));
    rememberType(value, type);
    this.objects[number] = value;
    return value;
  }
}

function unknownHandler(name: unknown): Error {
  return new Error(`nothing here can put together a value of the type "${String(name)}"`);
}

function isIndexOf(target: object, key: unknown): key is number {
  return Array.isArray(target) && Number.isInteger(key) && (key as number) >= 0 && (key as number) < target.length;
}

/** Whether the layout has exactly one element for each of `length`. */
function fits(shape: number[], stride: number[], offset: number, length: number): boolean {
  return isLayout(shape, stride, offset, length) && sizeOf(shape) === length;
}

/** @throws Error unless it {@link fits} */
function checkLayout(shape: number[], stride: number[], offset: number, length: number): void {
  if (!fits(shape, stride, offset, length)) {
    throw new Error("it holds an ndarray whose shape does not fit its data");
  }
}

function putTogether<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof SerializationError) throw error;
    const message = `a received value of the type "${name}" could not be put together: ${messageOf(error)}`;
    throw new SerializationError(message, undefined, { cause: error });
  }
}
