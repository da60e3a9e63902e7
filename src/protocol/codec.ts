/**
 * Packets: many messages and their buffers in one signed unit.
 *
 * ```
 * offset  bytes  content
 *      0      4  magic "NDP" and the version
 *      4      4  length of the head, little endian
 *      8      8  sequence number in this direction of this connection, little endian
 *     16     32  HMAC-SHA256 over direction, sequence number and head
 *     48      …  head: msgpack [[length of each buffer], [message or run, number of its buffers, message, …]]
 *      …      …  the buffers, one after another
 * ```
 */

import { Packr, RESERVE_START_SPACE } from "msgpackr";
import type { Message } from "./messages.ts";
import { isRun, messagesOf, type Run, readRun, runFrom, type WrittenRun, writeRun } from "./runs.ts";

export const PROTOCOL_VERSION = 1;
export const PROLOGUE_LENGTH = 48;
/** The longest head that is accepted, in bytes. */
export const HEAD_LIMIT = 0x7fff_ffff;
const MAGIC = 0x00_50_44_4e | (PROTOCOL_VERSION << 24);

/**
 * The shapes of the messages that make up the traffic, in the order of their properties. Both ends know them, so that
 * such a message is a number and its values. Others carry their property names along.
 */
const SHAPES: readonly (readonly string[])[] = [
  ["type", "taskIds", "engineIds", "operation", "submitted", "label", "payload"],
  ["type", "taskId", "payload"],
  ["type", "taskId", "engineId", "engineUuid", "outcome"],
  ["status", "started", "completed", "duration", "payload"],
  ["type", "taskId", "payload", "free"],
  ["type", "taskId", "operation", "submitted", "label", "request", "payload"],
  ["kind", "units"],
  ["type", "taskId", "stream", "text"],
  ["type", "of", "common", "prefix", "count", "columns", "bytes"],
];

const packr = new Packr({
  useRecords: true,
  structures: SHAPES.map((shape) => [...shape]),
  maxSharedStructures: SHAPES.length,
  moreTypes: false,
  structuredClone: false,
  int64AsType: "number",
});

/** A message with the buffers that belong to it. */
export interface Envelope<M = Message> {
  readonly message: M;
  readonly buffers: readonly Uint8Array[];
}

/** What a packet consists of. */
export type PacketItem = Envelope<Message | Run>;

export interface Prologue {
  readonly headLength: number;
  readonly sequence: number;
  /** HMAC of the head; a view of the prologue it was read from. */
  readonly signature: Uint8Array;
}

/** The head of a packet is not what this version writes. */
export class MalformedPacket extends Error {}

/** The head of a packet, after `room` bytes that are left free. */
export function encodeHead(envelopes: readonly PacketItem[], room = 0): Buffer {
  const lengths: number[] = [];
  const entries: unknown[] = [];
  const messageAt = (index: number): Message | undefined => {
    const envelope = envelopes[index];
    return envelope?.buffers.length === 0 && !isRun(envelope.message) ? envelope.message : undefined;
  };
  for (let at = 0; at < envelopes.length; at++) {
    const { message, buffers } = envelopes[at] as PacketItem;
    const run = buffers.length === 0 && !isRun(message) ? runFrom(at, messageAt) : undefined;
    const whole = run ?? message;
    entries.push(isRun(whole) ? writeRun(whole) : whole, buffers.length);
    if (run !== undefined) at += run.ids.length - 1;
    for (const buffer of buffers) lengths.push(buffer.byteLength);
  }
  return packr.pack([lengths, entries], RESERVE_START_SPACE | room);
}

export interface Head<M> {
  readonly lengths: readonly number[];
  readonly messages: readonly { readonly message: M; readonly bufferCount: number }[];
}

/** What a head consists of, each run as the messages that it stands for. @throws MalformedPacket */
export function decodeHead(head: Uint8Array): Head<Message> {
  const { lengths, messages } = readHead(head);
  const unfolded = messages.flatMap(({ message, bufferCount }) =>
    isRun(message) ? messagesOf(message).map((each) => ({ message: each, bufferCount })) : { message, bufferCount },
  );
  return { lengths, messages: unfolded };
}

/** What a head consists of, runs as they are. @throws MalformedPacket */
export function readHead(head: Uint8Array): Head<Message | Run> {
  let decoded: unknown;
  try {
    decoded = packr.unpack(head);
  } catch (error) {
    throw new MalformedPacket("head is not msgpack", { cause: error });
  }
  if (!Array.isArray(decoded) || !Array.isArray(decoded[0]) || !Array.isArray(decoded[1])) {
    throw new MalformedPacket("head is not a list of lengths and messages");
  }
  const [lengths, entries] = decoded as [number[], unknown[]];
  if (entries.length % 2 !== 0) throw new MalformedPacket("message without the number of its buffers");
  const messages: { message: Message | Run; bufferCount: number }[] = [];
  let expected = 0;
  for (let i = 0; i < entries.length; i += 2) {
    const message = entries[i] as Message | WrittenRun | null;
    const bufferCount = entries[i + 1] as number;
    if (typeof message !== "object" || message === null || typeof message.type !== "string" || !isLength(bufferCount)) {
      throw new MalformedPacket("message without a type");
    }
    messages.push({ message: message.type === "run" ? readHeadRun(message, bufferCount) : message, bufferCount });
    expected += bufferCount;
  }
  if (expected !== lengths.length || !lengths.every(isLength)) throw new MalformedPacket("buffers do not add up");
  return { lengths, messages };
}

function readHeadRun(run: WrittenRun, bufferCount: number): Run {
  try {
    if (bufferCount !== 0) throw new TypeError("a run with buffers");
    return readRun(run);
  } catch (error) {
    throw new MalformedPacket((error as Error).message, { cause: error });
  }
}

function isLength(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function writePrologue(target: Buffer, prologue: Prologue): void {
  target.writeUInt32LE(MAGIC >>> 0, 0);
  target.writeUInt32LE(prologue.headLength, 4);
  target.writeUInt32LE(prologue.sequence % 2 ** 32, 8);
  target.writeUInt32LE(Math.floor(prologue.sequence / 2 ** 32), 12);
  target.set(prologue.signature, 16);
}

/**
 * Reads the first {@link PROLOGUE_LENGTH} bytes of `source`.
 * @throws MalformedPacket
 */
export function readPrologue(source: Buffer): Prologue {
  if (source.readUInt32LE(0) !== MAGIC >>> 0) throw new MalformedPacket("not a packet of this protocol");
  const headLength = source.readUInt32LE(4);
  if (headLength > HEAD_LIMIT) throw new MalformedPacket(`head of ${headLength} bytes`);
  const sequence = source.readUInt32LE(8) + source.readUInt32LE(12) * 2 ** 32;
  return { headLength, sequence, signature: source.subarray(16, PROLOGUE_LENGTH) };
}
