/**
 * The system calls for shared memory that Node does not offer, through koffi. The numbers are those of Linux on x64 and
 * arm64.
 */

import { closeSync, ftruncateSync, readFileSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { type ByteRange, type Koffi, pageScanner } from "./page-scan.ts";
import { SegmentError } from "./segment-error.ts";

/** What the system can be told about mapped memory. */
export const Advice = { dontNeed: 4, hugePage: 14, populateRead: 22, populateWrite: 23 } as const;

/** All throw SegmentError with reason `noMemory` when the system refuses, unless they say otherwise. */
export interface SystemCalls {
  readonly pageSize: number;
  /** Whether shared memory gets huge pages when it is advised to. */
  readonly hugePages: boolean;
  /** A new anonymous file of that size, which can neither shrink nor grow. Its pages are not there yet. */
  createMemory(byteLength: number): number;
  /** Makes the pages of a part of it, so that writing there cannot fail any more. */
  reserve(fd: number, offset: number, byteLength: number): void;
  /** Gives all its pages back, as far as the system can, also those that others have mapped; they become zeros. */
  discard(fd: number, byteLength: number): void;
  /** Maps all of a file for reading and writing; `private`: what is written there is seen by nobody else. */
  map(fd: number, byteLength: number, mode: "shared" | "private"): bigint;
  /** Takes addresses at which nothing lies yet. */
  reserveAddresses(byteLength: number): bigint;
  /** Puts a part of a file in place of what is mapped at `address`, as `private` does. Whole pages. */
  mapOver(address: bigint, byteLength: number, fd: number, offset: number): void;
  unmap(address: bigint, byteLength: number): void;
  /** Tells the system; returns whether it followed. Whole pages. */
  advise(address: bigint, byteLength: number, advice: number): boolean;
  /** The memory at `address`, without a copy. It must not be touched once it is unmapped. */
  view(address: bigint, byteLength: number): ArrayBuffer;
  /** Where the memory of `bytes` begins. */
  addressOf(bytes: Uint8Array): number;
  /** Copies memory, without making an ArrayBuffer of it; the blocks must not overlap. */
  copy(target: number, source: number, byteLength: number): void;
  /** Makes memory zero. */
  clear(address: number, byteLength: number): void;
  /** The pages of a private mapping that were written, as offsets from `address`. Whole pages. Throws any Error. */
  writtenPages(address: bigint, byteLength: number): ByteRange[];
}

/** Name of the anonymous files, as /proc shows it. */
export const MEMORY_NAME = "ndparallel";

const MFD_CLOEXEC_ALLOW_SEALING = 1 | 2;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL_SHRINK_GROW = 1 | 2 | 4;
const FALLOC_FL_KEEP_SIZE_PUNCH_HOLE = 1 | 2;
const PROT_READ_WRITE = 1 | 2;
const MAP_FLAGS = { shared: 1, private: 2 } as const;
const MAP_FIXED = 16;
const MAP_ANONYMOUS_NORESERVE = 32 | 16384;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** @throws Error when a function is missing in the C library */
export function bindLinuxCalls(koffi: Koffi): SystemCalls {
  const library = koffi.load(null);
  const memfdCreate = library.func("int memfd_create(const char *name, unsigned int flags)");
  const fcntl = library.func("int fcntl(int fd, int command, int argument)");
  const posixFallocate = library.func("int posix_fallocate(int fd, int64_t offset, int64_t length)");
  const fallocate = library.func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
  const mmap = library.func("void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t at)");
  const munmap = library.func("int munmap(void *address, size_t length)");
  const madvise = library.func("int madvise(void *address, size_t length, int advice)");
  const memcpy = library.func("void *memcpy(uintptr_t target, uintptr_t source, size_t length)");
  const memset = library.func("void *memset(uintptr_t address, int byte, size_t length)");
  const pageSize = library.func("int getpagesize()")() as number;

  const refuse = (what: string, errno: number): never => {
    throw new SegmentError(
      "noMemory",
      `${what} failed: ${errno === 0 ? "no reason given" : getSystemErrorName(-errno)}`,
    );
  };
  const check = (what: string, result: number): void => {
    if (result !== 0) refuse(what, koffi.errno());
  };
  const mapAt = (at: bigint | null, byteLength: number, flags: number, fd: number, offset: number): bigint => {
    const address = BigInt(mmap(at, byteLength, PROT_READ_WRITE, flags, fd, offset) as bigint | number);
    if (address === MAP_FAILED) refuse(`mapping ${byteLength} bytes of shared memory`, koffi.errno());
    return address;
  };

  return {
    pageSize,
    hugePages: areHugePagesGranted(),
    createMemory: (byteLength) => {
      const fd = memfdCreate(MEMORY_NAME, MFD_CLOEXEC_ALLOW_SEALING) as number;
      if (fd < 0) refuse("memfd_create", koffi.errno());
      try {
        ftruncateSync(fd, byteLength);
      } catch (error) {
        closeSync(fd);
        // `ulimit -f` counts for memory, too.
        throw new SegmentError("noMemory", `making ${byteLength} bytes of shared memory failed`, { cause: error });
      }
      check("sealing the memory", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL_SHRINK_GROW) as number);
      return fd;
    },
    reserve: (fd, offset, byteLength) => {
      const errno = posixFallocate(fd, offset, byteLength) as number;
      if (errno !== 0) refuse(`reserving ${byteLength} bytes of shared memory`, errno);
    },
    discard: (fd, byteLength) => {
      fallocate(fd, FALLOC_FL_KEEP_SIZE_PUNCH_HOLE, 0, byteLength);
    },
    map: (fd, byteLength, mode) => mapAt(null, byteLength, MAP_FLAGS[mode], fd, 0),
    reserveAddresses: (byteLength) => mapAt(null, byteLength, MAP_FLAGS.private | MAP_ANONYMOUS_NORESERVE, -1, 0),
    mapOver: (address, byteLength, fd, offset) => {
      mapAt(address, byteLength, MAP_FLAGS.private | MAP_FIXED, fd, offset);
    },
    unmap: (address, byteLength) => check("munmap", munmap(address, byteLength) as number),
    advise: (address, byteLength, advice) => (madvise(address, byteLength, advice) as number) === 0,
    view: (address, byteLength) => koffi.view(address, byteLength),
    addressOf: (bytes) => Number(koffi.address(bytes)),
    copy: (target, source, byteLength) => void memcpy(target, source, byteLength),
    clear: (address, byteLength) => void memset(address, 0, byteLength),
    writtenPages: pageScanner(koffi, library, pageSize),
  };
}

function areHugePagesGranted(): boolean {
  try {
    const setting = readFileSync("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "utf8");
    return /\[(always|within_size|advise|force)\]/.test(setting);
  } catch {
    return false;
  }
}
