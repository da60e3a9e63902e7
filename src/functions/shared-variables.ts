/**
 * Variables of a module that functions assign to. Those that travel in one message share them, as they did at home: each
 * captures the same box, and their texts read and write what is in it.
 */

import { readPosition } from "./inspector.ts";
import type { AnyFunction } from "./wire.ts";

/** What functions capture in the place of a variable that they share. */
interface Box {
  value: unknown;
}

/** The member of a box that stands in texts for the variable. */
export const BOXED = ".value";

/** Variables that functions assign to which travelled, by script and name. */
const written = new Set<string>();

// What is in the message that is being made. It is made in one go, so all of this can be forgotten soon after.
const boxes = new Map<string, Box>();
const unshared = new Set<string>();
let isTooLate = false;

const known = new WeakSet<object>();

/**
 * The box of a variable of the module that `fn` was written in, if a function assigns to it that travels; the same one
 * for all functions of a message.
 *
 * @param isWritten whether `fn` assigns to it
 */
export function boxOf(fn: AnyFunction, name: string, value: unknown, isWritten: boolean): Box | undefined {
  // What runs on an engine is made of received texts, each of which may run more than once with variables of its own.
  if (Symbol.for("ndparallel.engine") in globalThis) return undefined;
  const key = keyOf(fn, name);
  if (isWritten && !written.has(key)) {
    written.add(key);
    isTooLate ||= unshared.has(key);
  }
  if (boxes.size + unshared.size === 0) queueMicrotask(forget);
  if (!written.has(key)) {
    unshared.add(key);
    return undefined;
  }
  const box = boxes.get(key) ?? { value };
  box.value = value;
  boxes.set(key, box);
  known.add(box);
  return box;
}

/** Whether functions capture a box in the place of that variable. */
export function isShared(fn: AnyFunction, name: string): boolean {
  return written.has(keyOf(fn, name));
}

function keyOf(fn: AnyFunction, name: string): string {
  return `${readPosition(fn)?.scriptId} ${name}`;
}

function forget(): void {
  boxes.clear();
  unshared.clear();
}

/** Whether functions of a message were captured before it showed that they share a variable. They have to be again. */
export function wereTooEarly(): boolean {
  if (!isTooLate) return false;
  isTooLate = false;
  forget();
  return true;
}

/** What is captured: of a box its content. */
export function unboxed(captured: unknown): unknown {
  return typeof captured === "object" && captured !== null && known.has(captured) ? (captured as Box).value : captured;
}
