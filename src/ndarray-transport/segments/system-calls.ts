/** Whether this process can share memory with others of its host, and the system calls for it, loaded at first use. */

import { closeSync, fstatSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { bindLinuxCalls, type SystemCalls } from "./linux-calls.ts";
import type { Koffi } from "./page-scan.ts";
import { SegmentError } from "./segment-error.ts";

type Support = { readonly calls: SystemCalls } | { readonly reason: string };

let support: Support | undefined;

/** The system calls, or why there are none here. */
function sharedMemorySupport(): Support {
  support ??= findSupport();
  return support;
}

/** Whether this process can share memory with others of its host: on Linux, with the optional package koffi. */
export function isSharedMemoryAvailable(): boolean {
  return "calls" in sharedMemorySupport();
}

/** @throws SegmentError with reason `unavailable` */
export function systemCalls(): SystemCalls {
  const found = sharedMemorySupport();
  if ("calls" in found) return found.calls;
  throw new SegmentError("unavailable", `there is no shared memory here: ${found.reason}`);
}

function findSupport(): Support {
  if (process.platform !== "linux") return { reason: `it needs Linux, and this is ${process.platform}` };
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    return { reason: `the optional package koffi cannot be loaded (${firstLineOf(error)})` };
  }
  try {
    const calls = bindLinuxCalls(koffi);
    tryOut(calls);
    return { calls };
  } catch (error) {
    return { reason: `the system refuses it (${firstLineOf(error)})` };
  }
}

/** Does once, with one page, all that the rest relies on, so that what is missing shows now. */
function tryOut(calls: SystemCalls): void {
  const { pageSize } = calls;
  const fd = calls.createMemory(pageSize);
  try {
    calls.reserve(fd, 0, pageSize);
    const reopened = openSync(`/proc/${process.pid}/fd/${fd}`, "r");
    try {
      if (fstatSync(reopened).ino !== fstatSync(fd).ino) throw new Error("/proc shows the files of other processes");
      const address = calls.map(reopened, pageSize, "private");
      const bytes = new Uint8Array(calls.view(address, pageSize));
      const before = calls.writtenPages(address, pageSize).length;
      bytes[0] = 1;
      const after = calls.writtenPages(address, pageSize).length;
      calls.unmap(address, pageSize);
      if (before !== 0 || after !== 1) throw new Error("/proc/self/pagemap does not tell which pages were written");
    } finally {
      closeSync(reopened);
    }
  } finally {
    closeSync(fd);
  }
}

function firstLineOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0] as string;
}
