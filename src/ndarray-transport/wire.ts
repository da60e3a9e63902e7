/**
 * The form of a head: one byte that says what follows, then msgpack.
 *
 * Plain data goes to msgpack as it is. All that msgpack does not know is a {@link Special}, the only extension type:
 * a list whose first item says of what kind it is. What follows the kind, by kind:
 *
 * | kind | then |
 * | --- | --- |
 * | 0 reference | number of an object of this value, counted in the order in which they are met |
 * | 1 negative zero | |
 * | 2 text that is not well-formed Unicode | its UTF-16 code units, little-endian |
 * | 3 record with unusual keys | key, value, key, value, … |
 * | 4 list with holes or named properties | length, then key, value, … (a number is an index) |
 * | 5 Map | key, value, … |
 * | 6 Set | items |
 * | 7 Date | milliseconds, NaN if invalid |
 * | 8 RegExp | source, flags |
 * | 9 URL | href |
 * | 10 Error | standard class, number of hidden properties, then key, value, … (the hidden ones first) |
 * | 11 memory | view (index into `VIEWS`), bytes; or view, index of the buffer, length in bytes |
 * | 12 ndarray over memory | shape, stride, offset, then as for memory |
 * | 13 ndarray over a list | shape, stride, offset, list |
 * | 14 type of a handler | name, payload |
 * | 15 registered type | name, meta, then the buffers, each a list as for memory |
 * | 16 segment | bytes: msgpack of a value that lies deep |
 * | 17 value of a stepped handler | name, head, body, then number and body of each value in the head whose body had to wait; or name and head, if its own body has to wait |
 */

import { addExtension, Packr, RESERVE_START_SPACE } from "msgpackr";
import {
  areFewNumbers,
  lengthOfNumber,
  lengthOfNumbers,
  readNumber,
  readNumbers,
  writeNumber,
  writeNumbers,
} from "./wire-numbers.ts";

export const Kind = {
  reference: 0,
  negativeZero: 1,
  text: 2,
  record: 3,
  list: 4,
  map: 5,
  set: 6,
  date: 7,
  regExp: 8,
  url: 9,
  error: 10,
  memory: 11,
  ndarray: 12,
  ndarrayList: 13,
  handler: 14,
  registered: 15,
  segment: 16,
  stepped: 17,
} as const;

/** What is no plain data: its kind, then what the kind needs. */
export class Special {
  readonly parts: unknown[];

  constructor(parts: unknown[]) {
    this.parts = parts;
  }
}

/**
 * Whether `value`, read from a head and no plain data, is a special. Told by its member, not by its class: where
 * several copies of this module share one msgpackr, what is read is of the class of the copy that was loaded last.
 */
export function isSpecial(value: object): value is Special {
  return Array.isArray((value as Special).parts);
}

/** Outside the numbers 1 to 100 that msgpackr leaves to applications, and none that it uses itself. */
const SPECIAL_TYPE = 0x6e;

/** First bytes of a head; they tell a head from other data as well. */
const PLAIN = 0x50;
const WITH_SPECIAL = 0x53;
/** With specials, some of which the receiver has to prepare for. */
const WITH_PREPARATION = 0x54;
/** A pair: the length of another head, that head, then msgpack of plain data. */
const PAIR = 0x55;
export const PAIR_START = 5;

let specialsRead = 0;

addExtension({
  Class: Special,
  type: SPECIAL_TYPE,
  write: (special: Special) => special.parts,
  read: (parts: unknown) => {
    specialsRead++;
    return new Special(parts as unknown[]);
  },
});

// variableMapSize: objects with more than 65535 properties. structuredClone: false turns off references in what is read.
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  useToJSON: false,
  useBigIntExtension: true,
  structuredClone: false,
});

/** How long the head of a number is, in bytes. */
export function lengthOfNumberHead(value: number): number {
  return 1 + lengthOfNumber(value);
}

/** What {@link writeHead} gives for a number, into other memory. */
export function writeNumberHead(bytes: Buffer, at: number, value: number): void {
  bytes[at] = PLAIN;
  writeNumber(bytes, at + 1, value);
}

/** The number whose head lies between these places; `undefined` if there is something else. */
export function readNumberHead(bytes: Buffer, start: number, end: number): number | undefined {
  return bytes[start] === PLAIN ? readNumber(bytes, start + 1, end) : undefined;
}

/**
 * @param tree plain data, byte arrays and specials
 * @param needsPreparation whether a handler has something to prepare before its values can be read
 */
export function writeHead(tree: unknown, hasSpecial: boolean, needsPreparation = false): Uint8Array {
  if (typeof tree === "number") {
    const head = Buffer.allocUnsafe(lengthOfNumberHead(tree));
    writeNumberHead(head, 0, tree);
    return head;
  }
  const head = packr.pack(tree, RESERVE_START_SPACE | 1);
  head[0] = needsPreparation ? WITH_PREPARATION : hasSpecial ? WITH_SPECIAL : PLAIN;
  return head;
}

/**
 * A pair of a value that was written before, and of plain data: so what many messages have in common is taken apart once.
 *
 * @param first the head of a value without buffers
 */
export function writePair(first: Uint8Array, rest: unknown): Uint8Array {
  const beginning = beginningOfPair(first);
  const { byteLength } = beginning;
  if (areFewNumbers(rest)) {
    const head = Buffer.allocUnsafe(byteLength + lengthOfNumbers(rest));
    head.set(beginning);
    writeNumbers(head, byteLength, rest);
    return head;
  }
  return Buffer.concat([beginning, packr.pack(rest)]);
}

/** What all pairs with this first part begin with. */
export function beginningOfPair(first: Uint8Array): Uint8Array {
  const beginning = Buffer.allocUnsafe(PAIR_START + first.byteLength);
  beginning[0] = PAIR;
  beginning.writeUInt32LE(first.byteLength, 1);
  beginning.set(first, PAIR_START);
  return beginning;
}

/** Whether pairs begin with these bytes, and have nothing but their rest after them. */
export function isBeginningOfPair(bytes: Buffer): boolean {
  const { byteLength } = bytes;
  return byteLength > PAIR_START && bytes[0] === PAIR && bytes.readUInt32LE(1) === byteLength - PAIR_START;
}

/**
 * Where in a pair that lies between these places its first part, which begins {@link PAIR_START} bytes after its start, ends;
 * `undefined` if there is a head of something else. Throws as {@link readHead} does.
 */
export function middleOfPair(bytes: Buffer, start: number, end: number): number | undefined {
  if (bytes[start] !== PAIR) return undefined;
  const middle = start + PAIR_START + bytes.readUInt32LE(start + 1);
  if (middle >= end) throw new Error("it is cut short");
  return middle;
}

/** The other part of a pair. Throws as {@link readHead} does. */
export function readRest(bytes: Buffer, middle: number, end: number): unknown {
  const numbers = readNumbers(bytes, middle, end);
  if (numbers !== undefined) return numbers;
  const before = specialsRead;
  const rest = packr.unpack(bytes, { start: middle, end }) as unknown;
  if (specialsRead !== before) throw new Error("what it holds is not what it announces");
  return rest;
}

/** Whether the head was written with `needsPreparation`. */
export function asksForPreparation(head: Uint8Array): boolean {
  return head[0] === WITH_PREPARATION;
}

/** Part of a tree as bytes, to be put into the tree in its place. */
export function writeSegment(tree: unknown): Uint8Array {
  return packr.pack(tree);
}

/** The counterpart of {@link writeSegment}; throws as {@link readHead} does. */
export function readSegment(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array)) throw new Error("it holds a segment without bytes");
  return packr.unpack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as unknown;
}

let source: Buffer | undefined;

/**
 * A Buffer over all the memory in which a head lies, one for all the heads of a packet: msgpackr reads those fastest, and
 * leaves a property on what it reads from.
 */
function sourceOver({ buffer }: Uint8Array): Buffer {
  if (source?.buffer !== buffer) source = Buffer.from(buffer);
  return source;
}

/** Whether the tree of a head has no specials. */
export function isPlain(head: Uint8Array): boolean {
  return head[0] === PLAIN;
}

/** The tree of a head. Throws errors of many classes when `head` is malformed. */
export function readHead(head: Uint8Array): unknown {
  const first = head[0];
  if (first !== PLAIN && first !== WITH_SPECIAL && first !== WITH_PREPARATION) {
    throw new Error("it does not start as a head does");
  }
  const source = sourceOver(head);
  const start = head.byteOffset + 1;
  const end = head.byteOffset + head.byteLength;
  const number = readNumber(source, start, end);
  if (number !== undefined) return number;
  const before = specialsRead;
  const tree = packr.unpack(source, { start, end }) as unknown;
  if (first === PLAIN && specialsRead !== before) throw new Error("what it holds is not what it announces");
  return tree;
}
