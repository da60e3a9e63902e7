/**
 * Immutable ArrayBuffers, where the runtime has them: Node 26, behind a flag that can be set while it runs. A write to
 * one by index throws a TypeError of the language.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type MakeImmutable = (this: ArrayBuffer) => ArrayBuffer;

/** V8 ignores flags that it does not know, but complains about them on stderr; this is the first version that has it. */
const FIRST_MAJOR = 26;

let makeImmutable: MakeImmutable | undefined;
let looked = false;

/**
 * The memory of `buffer` as an ArrayBuffer that nobody can write to, without a copy; `buffer` is detached.
 * `buffer` itself where the runtime has no such thing.
 */
export function immutable(buffer: ArrayBuffer): ArrayBuffer {
  const make = findMakeImmutable();
  if (make === undefined) return buffer;
  const made = make.call(buffer);
  Object.setPrototypeOf(made, ArrayBuffer.prototype);
  return made;
}

/** Whether an ArrayBuffer that nobody can write to can be made here. */
export function hasImmutable(): boolean {
  return findMakeImmutable() !== undefined;
}

function findMakeImmutable(): MakeImmutable | undefined {
  if (looked) return makeImmutable;
  looked = true;
  if (Number.parseInt(process.versions.node, 10) < FIRST_MAJOR) return undefined;
  setFlagsFromString("--js-immutable-arraybuffer");
  makeImmutable = runInNewContext("ArrayBuffer.prototype.transferToImmutable") as MakeImmutable | undefined;
  return makeImmutable;
}
