/**
 * Copies large blocks with two threads, when a core is free for the second one. All is copied when the call returns, as
 * with `set`. The second thread is started with the first large block, and ends when it has had nothing to do for a while.
 */

import { openSync, readFileSync, readSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type CopyHelperData, CopyJob, PIECE_BYTES } from "./copy-job.ts";
import { isSharedMemoryAvailable, systemCalls } from "./system-calls.ts";

/** From how many bytes on a second thread is worth its while. */
export const TOGETHER_BYTES: number = 4 << 20;
/** When no core is free so many bytes are copied before the next look. */
const ALONE_BYTES = 4 * PIECE_BYTES;
/** The helper keeps nothing. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

let job: CopyJob | undefined;
/** Whether there can be no second thread. */
let isAlone = availableParallelism() < 2;
/** What the helper may be at; it may be so yet after the main thread was cut short. */
const atWork: Uint8Array[] = [];

/** Where bytes are copied to. */
interface Target {
  /** Puts `source` there, from position `at` on. */
  set(source: Uint8Array, at: number): void;
  address(): number;
  /** What must not be collected meanwhile. */
  readonly memory: Uint8Array | undefined;
}

/** Copies `source` to the beginning of `target`, as `target.set(source)` does. They must not overlap. */
export function copyBytes(target: Uint8Array, source: Uint8Array): void {
  const set = (part: Uint8Array, at: number): void => target.set(part, at);
  copyTo({ set, address: () => systemCalls().addressOf(target), memory: target }, source);
}

/** Copies `source` to that address, where there must be room for it: without an ArrayBuffer, which V8 would count. */
export function copyToAddress(address: number, source: Uint8Array): void {
  const { addressOf, copy } = systemCalls();
  const set = (part: Uint8Array, at: number): void => copy(address + at, addressOf(part), part.byteLength);
  copyTo({ set, address: () => address, memory: undefined }, source);
}

function copyTo(target: Target, source: Uint8Array): void {
  const { byteLength } = source;
  const shared = byteLength < TOGETHER_BYTES ? undefined : jobWithHelper();
  let done = 0;
  if (shared !== undefined) {
    while (byteLength - done >= TOGETHER_BYTES && !isCoreFree()) {
      target.set(source.subarray(done, done + ALONE_BYTES), done);
      done += ALONE_BYTES;
    }
    if (byteLength - done >= TOGETHER_BYTES) {
      copyTogether(shared, target, source, done);
      return;
    }
  }
  target.set(source.subarray(done), done);
}

/** Starts what it takes to copy so many bytes fast, for which the first copy would have to wait. */
export function prepareCopying(byteLength: number): void {
  if (byteLength >= TOGETHER_BYTES) jobWithHelper();
}

/** From position `start` on. */
function copyTogether(shared: CopyJob, target: Target, source: Uint8Array, start: number): void {
  // The one before was perhaps cut short.
  shared.finish();
  atWork.push(source);
  if (target.memory !== undefined) atWork.push(target.memory);
  shared.begin(target.address() + start, systemCalls().addressOf(source) + start, source.byteLength - start);
  for (let piece = shared.take(); piece !== undefined; piece = shared.take()) {
    target.set(source.subarray(start + piece.start, start + piece.end), start + piece.start);
  }
  shared.finish();
  atWork.length = 0;
}

/** `undefined` while there is no helper; the first time it is started, for the next time. */
function jobWithHelper(): CopyJob | undefined {
  if (isAlone || !isSharedMemoryAvailable()) return undefined;
  if (job === undefined) startHelper();
  return job?.isHelperThere === true ? job : undefined;
}

function startHelper(): void {
  if (areAddressesLimited()) {
    isAlone = true;
    return;
  }
  const started = new CopyJob();
  job = started;
  const workerData: CopyHelperData = { memory: started.memory };
  const failed = (): void => {
    isAlone = true;
  };
  try {
    const helper = new Worker(new URL("./copy-helper.js", import.meta.url), {
      workerData,
      execArgv: [],
      stdin: false,
      resourceLimits: LIMITS,
    });
    helper.once("error", failed);
    helper.once("exit", () => {
      if (job === started) job = undefined;
    });
    helper.unref();
  } catch {
    failed();
  }
}

/** Whether `ulimit -v` is set: V8 ends the process when it finds no addresses for another thread. */
function areAddressesLimited(): boolean {
  try {
    return !/^Max address space +unlimited/m.test(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    return false;
  }
}

let loads: number | undefined;
const text = Buffer.alloc(64);

/** Whether fewer threads than there are cores run on this machine now, this one among them. */
function isCoreFree(): boolean {
  try {
    loads ??= openSync("/proc/loadavg", "r");
    // Three averages, then how many run, of how many.
    const running = / (\d+)\/\d+ /.exec(text.toString("latin1", 0, readSync(loads, text, 0, text.length, 0)));
    return running !== null && Number(running[1]) < availableParallelism();
  } catch {
    return false;
  }
}
