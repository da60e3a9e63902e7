/**
 * Immutable ArrayBuffers, where the runtime has them: Node 26, behind a flag that can be set while it runs. A write to
 * one by index throws a TypeError of the language.
 *
 * V8 14 refuses an immutable array as the source of `set`, too, which only reads it, and with it of some methods of
 * Buffer. There, arrays are made immutable only in processes that mend those functions: engines.
 */

import { types } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type MakeImmutable = (this: ArrayBuffer) => ArrayBuffer;

/** V8 complains on stderr about flags that it does not know; this is the first version of Node that has this one. */
const FIRST_MAJOR = 26;

const immutables = new WeakSet<ArrayBufferLike>();

let makeImmutable: MakeImmutable | undefined;
let looked = false;

/**
 * The memory of `buffer` as an ArrayBuffer that nobody can write to, without a copy; `buffer` is detached.
 * `buffer` itself where there is no such thing.
 */
export function immutable(buffer: ArrayBuffer): ArrayBuffer {
  const make = findMakeImmutable();
  if (make === undefined || immutables.has(buffer)) return buffer;
  const made = make.call(buffer);
  Object.setPrototypeOf(made, ArrayBuffer.prototype);
  immutables.add(made);
  return made;
}

/** Whether ArrayBuffers that nobody can write to are made here. */
export function hasImmutable(): boolean {
  return findMakeImmutable() !== undefined;
}

/**
 * Makes functions that only read an array accept an immutable one, where the runtime has such arrays and refuses them.
 * They are functions of the whole process: for engines, before anything is received.
 */
export function acceptImmutableSources(): void {
  makeImmutable = loadMakeImmutable();
  looked = true;
  if (makeImmutable === undefined || isReadable(makeImmutable)) return;
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
  mend(prototype, "set", readable);
  mend(Buffer, "from", readable);
  mend(Buffer, "copyBytesFrom", readable);
  mend(Buffer, "concat", (list) => (Array.isArray(list) ? list.map(readable) : list));
}

function mend<Name extends string>(
  holder: { [name in Name]: unknown },
  name: Name,
  prepare: (source: unknown) => unknown,
): void {
  const original = holder[name] as (...parameters: unknown[]) => unknown;
  const mended = {
    [name](this: unknown, source: unknown, ...rest: unknown[]): unknown {
      return original.call(this, prepare(source), ...rest);
    },
  };
  Object.defineProperty(holder, name, { value: mended[name], writable: true, configurable: true });
}

/** A copy of an immutable array; anything else as it is. */
function readable(source: unknown): unknown {
  const isImmutable = types.isTypedArray(source) && immutables.has(source.buffer);
  return isImmutable ? Uint8Array.prototype.slice.call(source) : source;
}

function findMakeImmutable(): MakeImmutable | undefined {
  if (looked) return makeImmutable;
  looked = true;
  const make = loadMakeImmutable();
  if (make !== undefined && isReadable(make)) makeImmutable = make;
  return makeImmutable;
}

function loadMakeImmutable(): MakeImmutable | undefined {
  if (Number.parseInt(process.versions.node, 10) < FIRST_MAJOR) return undefined;
  setFlagsFromString("--js-immutable-arraybuffer");
  return runInNewContext("ArrayBuffer.prototype.transferToImmutable") as MakeImmutable | undefined;
}

/** Whether the runtime lets everyone read what `make` made. */
function isReadable(make: MakeImmutable): boolean {
  try {
    new Uint8Array(1).set(new Uint8Array(make.call(new ArrayBuffer(1))));
    return true;
  } catch {
    return false;
  }
}
