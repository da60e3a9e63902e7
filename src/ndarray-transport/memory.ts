/** How memory travels: typed arrays, Buffers, DataViews and ArrayBuffers, as bytes and the name of the view over them. */

import { types } from "node:util";
import { bytesOf, constructorOf, type DType, dtypeOf, isTypedArray } from "./dtypes.ts";
import { copyReceived, keepReceived, type Reception } from "./reception.ts";
import { Refusal } from "./refusal.ts";
import { opened, type ReceivedBytes, UnopenedBytes } from "./segments/slices.ts";
import { INLINE_LIMIT, type Memory } from "./types.ts";

/** The views over bytes that there are, in the order of their numbers on the wire. */
const VIEWS = [
  "int8",
  "uint8",
  "uint8_clamped",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "float16",
  "float32",
  "float64",
  "bigint64",
  "biguint64",
  "buffer",
  "dataView",
  "arrayBuffer",
] as const satisfies readonly (DType | "buffer" | "dataView" | "arrayBuffer")[];

type View = (typeof VIEWS)[number];

const viewNumbers = new Map<View, number>(VIEWS.map((view, number) => [view, number]));

function viewOf(memory: Memory): View {
  if (Buffer.isBuffer(memory)) return "buffer";
  if (isTypedArray(memory)) return dtypeOf(memory);
  return types.isDataView(memory) ? "dataView" : "arrayBuffer";
}

/**
 * The bytes that `memory` shows, without a copy.
 *
 * @throws Refusal when its ArrayBuffer is detached
 */
export function bytesShown(memory: Memory): Uint8Array {
  try {
    return ArrayBuffer.isView(memory) ? bytesOf(memory) : new Uint8Array(memory);
  } catch (error) {
    const reason = "has no memory any more: its ArrayBuffer was transferred (it is detached), or shrunk; send a copy";
    throw new Refusal(reason, error);
  }
}

/**
 * Adds to `parts` what tells a block of bytes: the number of its view, then the bytes; or, for large ones, the index
 * that they get in `buffers`, and their length.
 *
 * @param memory its view is the one that is recorded
 * @param bytes what is sent: the bytes of `memory`, or some of them
 * @param limit from how many bytes on they become a buffer
 */
export function addMemory(
  parts: unknown[],
  buffers: ReceivedBytes[],
  memory: Memory,
  bytes: Uint8Array,
  limit: number = INLINE_LIMIT,
): void {
  const view = viewNumbers.get(viewOf(memory));
  if (bytes.byteLength >= limit) parts.push(view, buffers.push(bytes) - 1, bytes.byteLength);
  else parts.push(view, bytes);
}

/**
 * Reads what {@link addMemory} wrote, from position `at` of `parts` on. Bytes from the head are copied into an
 * ArrayBuffer of their own; a buffer is used where it lies, unless its elements would not be aligned there.
 *
 * @throws Error when the parts make no sense
 */
export function readMemory(
  parts: readonly unknown[],
  at: number,
  buffers: readonly ReceivedBytes[],
  reception: Reception,
): Memory {
  const view = VIEWS[parts[at] as number];
  if (view === undefined) throw new Error("it names a view that does not exist");
  const content = parts[at + 1];
  if (content instanceof Uint8Array) {
    const memory = viewOver(copyReceived(content, reception), view, reception);
    reception.arrays?.push({ memory, original: content });
    return memory;
  }
  const given = buffers[content as number];
  const bytes = given && opened(given);
  if (!(bytes instanceof Uint8Array)) throw new Error(`it names buffer ${String(content)} of ${buffers.length}`);
  if (bytes.byteLength !== parts[at + 2]) {
    throw new Error(`buffer ${String(content)} has ${bytes.byteLength} bytes instead of ${String(parts[at + 2])}`);
  }
  const memory = viewOver(keepReceived(bytes, reception), view, reception);
  reception.arrays?.push({ memory, original: undefined });
  return memory;
}

/**
 * How many elements a typed array has that {@link readMemory} would read; `undefined` if it is none over a buffer that is
 * not open yet, or the parts make no sense.
 */
export function unopenedLength(
  parts: readonly unknown[],
  at: number,
  bytes: ReceivedBytes | undefined,
): number | undefined {
  const view = VIEWS[parts[at] as number];
  const isTyped = view !== undefined && view !== "buffer" && view !== "dataView" && view !== "arrayBuffer";
  if (!isTyped || !(bytes instanceof UnopenedBytes) || bytes.byteLength !== parts[at + 2]) return undefined;
  const length = bytes.byteLength / constructorOf(view).BYTES_PER_ELEMENT;
  return Number.isInteger(length) ? length : undefined;
}

function viewOver(bytes: Uint8Array, view: View, reception: Reception): Memory {
  const { buffer, byteOffset, byteLength } = bytes;
  if (view === "buffer") return Buffer.from(buffer, byteOffset, byteLength);
  if (view === "dataView") return new DataView(buffer, byteOffset, byteLength);
  if (view === "arrayBuffer") {
    const isWhole = byteLength === buffer.byteLength && !types.isSharedArrayBuffer(buffer);
    return isWhole ? buffer : copyReceived(bytes, reception).buffer;
  }
  const arrayClass = constructorOf(view);
  const itemSize = arrayClass.BYTES_PER_ELEMENT;
  if (byteLength % itemSize !== 0) throw new Error(`${byteLength} bytes are no whole number of ${view} elements`);
  if (byteOffset % itemSize !== 0) return viewOver(copyReceived(bytes, reception), view, reception);
  return new arrayClass(buffer, byteOffset, byteLength / itemSize);
}
