/**
 * msgpack's forms of numbers, and of short lists of them. msgpackr knows them, too, but takes several times as long to
 * begin as these take in all, and many short calls have nothing but numbers.
 */

const LIST = 0x90;
/** Lists of fewer items have their length in their first byte. */
const SHORT_LIST = 16;
const UINT8 = 0xcc;
const UINT16 = 0xcd;
const UINT32 = 0xce;
const FLOAT64 = 0xcb;

/** Whether something is a list that {@link writeNumbers} writes. */
export function areFewNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length < SHORT_LIST && value.every((item) => typeof item === "number");
}

/** In bytes. */
export function lengthOfNumber(value: number): number {
  if (value >>> 0 !== value || Object.is(value, -0)) return 9;
  if (value < 0x80) return 1;
  if (value < 0x100) return 2;
  return value < 0x1_0000 ? 3 : 5;
}

/** In bytes. */
export function lengthOfNumbers(values: readonly number[]): number {
  let length = 1;
  for (const value of values) length += lengthOfNumber(value);
  return length;
}

/** Gives where it ends. */
export function writeNumber(bytes: Buffer, at: number, value: number): number {
  switch (lengthOfNumber(value)) {
    case 1:
      bytes[at] = value;
      return at + 1;
    case 2:
      bytes[at] = UINT8;
      bytes[at + 1] = value;
      return at + 2;
    case 3:
      bytes[at] = UINT16;
      return bytes.writeUInt16BE(value, at + 1);
    case 5:
      bytes[at] = UINT32;
      return bytes.writeUInt32BE(value, at + 1);
    default:
      bytes[at] = FLOAT64;
      return bytes.writeDoubleBE(value, at + 1);
  }
}

/** Gives where they end. */
export function writeNumbers(bytes: Buffer, at: number, values: readonly number[]): number {
  bytes[at] = LIST + values.length;
  let next = at + 1;
  for (const value of values) next = writeNumber(bytes, next, value);
  return next;
}

/** The number from `at` to `end`; `undefined` if there is something else, or more. */
export function readNumber(bytes: Buffer, at: number, end: number): number | undefined {
  return at < end && at + lengthAt(bytes, at) === end ? numberAt(bytes, at) : undefined;
}

/** The list from `at` to `end`; `undefined` if there is something else, or more. */
export function readNumbers(bytes: Buffer, at: number, end: number): number[] | undefined {
  const count = (bytes[at] as number) - LIST;
  if (count < 0 || count >= SHORT_LIST) return undefined;
  const values: number[] = [];
  let next = at + 1;
  for (let index = 0; index < count; index++) {
    const length = lengthAt(bytes, next);
    if (length === 0 || next + length > end) return undefined;
    values.push(numberAt(bytes, next));
    next += length;
  }
  return next === end ? values : undefined;
}

/** How long the number is that begins there; 0 if it is none, or one of a form that is not written here. */
function lengthAt(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  if (first === UINT8) return 2;
  if (first === UINT16) return 3;
  if (first === UINT32) return 5;
  return first === FLOAT64 ? 9 : 0;
}

function numberAt(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case UINT8:
      return bytes[at + 1] as number;
    case UINT16:
      return bytes.readUInt16BE(at + 1);
    case UINT32:
      return bytes.readUInt32BE(at + 1);
    case FLOAT64:
      return bytes.readDoubleBE(at + 1);
    default:
      return bytes[at] as number;
  }
}
