/**
 * Notices, at the end of a task, what the task wrote to arrays that it received: by index, which JavaScript cannot refuse
 * on Node 20 to 24. Where the runtime has immutable memory there is nothing to do.
 */

import { ReadOnlyError } from "../../errors.ts";
import { bytesShown } from "../memory.ts";
import type { ReceivedMemory } from "../reception.ts";
import { hasImmutable } from "../segments/immutable.ts";
import type { ChangedMemory } from "../segments/mapped-slice.ts";
import { hasMapped, isMapped, memoryOf, takeMappedChanges } from "../segments/slices.ts";
import type { DeserializeOptions } from "../serializer.ts";
import type { Memory } from "../types.ts";
import { findArray } from "./find-array.ts";
import { PrivateMemory } from "./private-memory.ts";
import { ResidentChecks } from "./resident-checks.ts";

/**
 * What is watched: `full`, the arguments of a task, what its function captured, and what earlier tasks received;
 * `arguments`, only what the task itself received; `off`, nothing.
 */
export type WriteDetection = "full" | "arguments" | "off";

export const writeDetections: readonly WriteDetection[] = ["full", "arguments", "off"];

/** What a task is about, for naming arrays. */
export interface TaskSubject {
  /** What it received. */
  readonly call: unknown;
  /** The names under which what it received stays. */
  readonly keeps: readonly string[];
  /** The text of what it ran. */
  text(): string;
}

/** A change that a task made, and what is known of it. */
interface Change extends ChangedMemory {
  readonly isExact: boolean;
}

const SMALL_BYTES = 64 * 1024;
const CAPTURED = "an array that its function captured";

export class WriteGuard {
  readonly #detection: WriteDetection;
  readonly #namespace: () => Record<string, unknown>;
  readonly #spoilt: (buffer: ArrayBufferLike) => void;
  readonly #residents = new ResidentChecks();

  /**
   * @param namespace what has a name here, for naming arrays
   * @param spoilt is told of memory in which a change stays
   */
  constructor(
    detection: WriteDetection,
    namespace: () => Record<string, unknown>,
    spoilt: (buffer: ArrayBufferLike) => void = () => undefined,
  ) {
    this.#detection = hasImmutable() ? "off" : detection;
    this.#namespace = namespace;
    this.#spoilt = spoilt;
  }

  /** Whether there is nothing that a task could write to and must not, besides what it receives itself. */
  get isIdle(): boolean {
    if (this.#detection !== "full") return true;
    return this.#residents.size === 0 && !hasMapped();
  }

  /** Watches one task. */
  watch(): TaskWatch {
    return new TaskWatch(this.#detection, this.#residents, this.#namespace, this.#spoilt);
  }
}

export class TaskWatch {
  readonly #detection: WriteDetection;
  readonly #residents: ResidentChecks;
  readonly #namespace: () => Record<string, unknown>;
  readonly #spoilt: (buffer: ArrayBufferLike) => void;
  readonly #received: ReceivedMemory[] = [];
  #own: PrivateMemory[] = [];
  #mapped: Set<ArrayBufferLike> | undefined;
  #faults = 0;
  #began = 0;
  #subject: TaskSubject | undefined;

  constructor(
    detection: WriteDetection,
    residents: ResidentChecks,
    namespace: () => Record<string, unknown>,
    spoilt: (buffer: ArrayBufferLike) => void,
  ) {
    this.#detection = detection;
    this.#residents = residents;
    this.#namespace = namespace;
    this.#spoilt = spoilt;
  }

  /** How what the task receives is to be read. `isResident` tells from the call whether its arrays outlast it. */
  reading(isResident: (call: unknown) => boolean): DeserializeOptions {
    if (this.#detection === "off") return {};
    return { arrays: this.#received, ...(this.#detection === "full" ? { isResident } : {}) };
  }

  /** The task has been read and begins now. */
  begin(subject: TaskSubject): void {
    if (this.#detection === "off") return;
    this.#subject = subject;
    if (this.#received.length > 0) this.#watchReceived();
    if (this.#watchesMapped()) this.#faults = process.resourceUsage().minorPageFault;
    if (this.#residents.size > 0) this.#began = performance.now();
  }

  /** The task has ended. The error with which it fails if it wrote to what it received; what can be is undone. */
  end(): ReadOnlyError | undefined {
    const subject = this.#subject;
    if (subject === undefined) return undefined;
    const changes = this.#takeChanges(subject);
    for (const { memory, isExact } of changes) if (!isExact) this.#spoilt(memory as ArrayBufferLike);
    if (this.#detection === "full" && subject.keeps.length > 0) {
      for (const memory of this.#own) this.#residents.add(memory, subject.keeps);
    }
    return changes.length === 0 ? undefined : this.#errorFor(changes, subject);
  }

  #watchReceived(): void {
    this.#mapped = new Set();
    for (const { memory, original } of this.#received) {
      const { buffer, byteLength } = bytesShown(memory);
      if (byteLength === 0) continue;
      if (isMapped(buffer)) this.#mapped.add(buffer);
      else this.#own.push(new PrivateMemory(memory, this.#copyFor(memory, original)));
    }
  }

  /** The bytes of small arrays to compare with. Those of the message serve for a task, but not for longer. */
  #copyFor(memory: Memory, original: Uint8Array | undefined): Uint8Array | undefined {
    const stays = (this.#subject as TaskSubject).keeps.length > 0;
    if (original !== undefined) return stays ? original.slice() : original;
    const bytes = bytesShown(memory);
    return bytes.byteLength < SMALL_BYTES ? bytes.slice() : undefined;
  }

  #watchesMapped(): boolean {
    return this.#detection === "full" ? hasMapped() : (this.#mapped?.size ?? 0) > 0;
  }

  #takeChanges({ text }: TaskSubject): Change[] {
    const changes: Change[] = [];
    // A first write to a page of a mapping is a page fault. What is mapped only now was received by nobody yet.
    if (this.#watchesMapped() && process.resourceUsage().minorPageFault !== this.#faults) {
      const found = takeMappedChanges(this.#detection === "full" ? undefined : this.#mapped);
      changes.push(...found.map((change) => ({ ...change, isExact: true })));
    }
    for (const memory of this.#own) addChange(changes, memory);
    if (this.#residents.size > 0) {
      const elapsedMs = performance.now() - this.#began;
      for (const memory of this.#residents.due(text(), elapsedMs)) addChange(changes, memory);
    }
    return changes;
  }

  #errorFor(changes: readonly Change[], subject: TaskSubject): ReadOnlyError {
    const [first] = changes as [Change];
    const others = new Set(changes.map(({ memory }) => memory)).size - 1;
    const more = others === 0 ? "" : `, and ${others} other array${others === 1 ? "" : "s"}`;
    const restored = changes.every(({ isExact }) => isExact)
      ? "what was written is undone"
      : "what was written stays on this engine, so send the array again if it is still needed";
    return new ReadOnlyError(
      `the task wrote to ${this.#describe(first, subject)}${more}. Received arrays are read-only: write to a copy, ` +
        `writable(array), or to an array that the task made itself. Nobody else sees it; ${restored}`,
    );
  }

  /** Which array a change is in. */
  #describe(change: Change, { call }: TaskSubject): string {
    const own = this.#received.some(({ memory }) => memoryOf(bufferOf(memory)) === change.memory);
    const found = findArray(call, "call", change) ?? (own ? this.#findCaptured(change) : this.#findResident(change));
    const part = (text: string): string => (change.isExact ? ` (${text})` : "");
    if (found !== undefined) return `${found.path.replace(/^call\./, "")}${part(found.part)}`;
    const { start, end } = change.range;
    const what = own ? CAPTURED : "an array that an earlier task received";
    return what + part(end - start === 1 ? `byte ${start}` : `bytes ${start} to ${end - 1}`);
  }

  /** It has no name here, but its elements have numbers. */
  #findCaptured(change: Change): ReturnType<typeof findArray> {
    for (const { memory } of this.#received) {
      const found = findArray(memory, CAPTURED, change);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findResident(change: Change): ReturnType<typeof findArray> {
    for (const [name, value] of Object.entries(this.#namespace())) {
      const found = findArray(value, name, change);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function bufferOf(memory: Memory): ArrayBufferLike {
  return ArrayBuffer.isView(memory) ? memory.buffer : memory;
}

function addChange(changes: Change[], memory: PrivateMemory): void {
  const buffer = memory.buffer.deref();
  const range = memory.takeChange();
  if (buffer !== undefined && range !== undefined) changes.push({ memory: buffer, range, isExact: memory.isExact });
}
