/** System calls for pipes that Node does not offer, through koffi, on Linux. */

import { openSync } from "node:fs";
import { createRequire } from "node:module";

const O_CLOEXEC = 0o2_000_000;
const O_NONBLOCK = 0o4_000;
const F_SETPIPE_SZ = 1031;
/** How much waits in a pipe at most, in bytes, where the system grants it; else it is 64 KiB. */
const CAPACITY = 1024 * 1024;
const POLLIN = 1;
/** Bytes of a `struct pollfd`: descriptor, events asked for, events found. */
const POLL_BYTES = 8;

/** The two ends of a pipe, by descriptor. */
export interface Pipe {
  readonly write: number;
  readonly read: number;
  /** The reading end again, so that reading there does not wait. */
  readonly glance: number;
}

interface PipeCalls {
  readonly pipe2: (descriptors: Int32Array, flags: number) => number;
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly poll: (requests: Buffer, count: number, timeout: number) => number;
}

/** `undefined` where there are none. */
function load(): PipeCalls | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
    const library = koffi.load(null);
    return {
      pipe2: library.func("int pipe2(int *descriptors, int flags)"),
      fcntl: library.func("int fcntl(int fd, int command, int argument)"),
      poll: library.func("int poll(void *requests, unsigned long count, int timeout)"),
    };
  } catch {
    return undefined;
  }
}

let calls: { readonly found: PipeCalls | undefined } | undefined;

function pipeCalls(): PipeCalls | undefined {
  calls ??= { found: load() };
  return calls.found;
}

/** A new pipe; `undefined` where there are no such calls, or no descriptors left. */
export function makePipe(): Pipe | undefined {
  const ends = new Int32Array(2);
  const { pipe2, fcntl } = pipeCalls() ?? {};
  if (pipe2?.(ends, O_CLOEXEC) !== 0) return undefined;
  const [read = -1, write = -1] = ends;
  fcntl?.(write, F_SETPIPE_SZ, CAPACITY);
  return { read, write, glance: openSync(`/proc/self/fd/${read}`, O_NONBLOCK) };
}

/** A function that tells which of the descriptors have something to read now. */
export function readiness(descriptors: readonly number[]): () => boolean[] {
  const { poll } = pipeCalls() ?? {};
  const requests = Buffer.alloc(POLL_BYTES * descriptors.length);
  for (const [index, descriptor] of descriptors.entries()) {
    requests.writeInt32LE(descriptor, POLL_BYTES * index);
    requests.writeInt16LE(POLLIN, POLL_BYTES * index + 4);
  }
  return () => {
    if (poll === undefined || poll(requests, descriptors.length, 0) <= 0) return [];
    return descriptors.map((_, index) => (requests.readInt16LE(POLL_BYTES * index + 6) & POLLIN) !== 0);
  };
}
