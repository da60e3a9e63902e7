/** Puts together what a received value has in it beside arrays and containers. */

import { isSpecial, Kind } from "./wire.ts";

type Parts = readonly unknown[];

/** A list whose length leaves more than this many holes is made in a form that takes no memory for them. */
const MOST_HOLES = 1024;

/** Values that have no parts of their own. */
export function simpleValue(parts: Parts): object {
  switch (parts[0]) {
    case Kind.date:
      return new Date(parts[1] as number);
    case Kind.regExp:
      return new RegExp(textOf(parts[1]), parts[2] as string);
    case Kind.url:
      return new URL(parts[1] as string);
    default:
      throw new Error(`it holds a value of the unknown kind ${String(parts[0])}`);
  }
}

/** A text, or the special that stands for one that is not well-formed. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf16le");
  if (typeof value === "object" && value !== null && isSpecial(value)) return textOf(value.parts[1]);
  throw new Error("it holds something else where a text should be");
}

/** A list of the length that `parts` tell, all holes. */
export function emptyList(parts: Parts): unknown[] {
  const length = parts[1] as number;
  if (!Number.isInteger(length) || length < 0 || length >= 2 ** 32) throw new Error("it holds a list of no length");
  const list: unknown[] = [];
  const entries = (parts.length - 2) / 2;
  if (length > 4 * entries + MOST_HOLES) {
    // An item far out makes the engine store this list by key, not by position.
    list[length - 1] = undefined;
    delete list[length - 1];
  }
  list.length = length;
  return list;
}
