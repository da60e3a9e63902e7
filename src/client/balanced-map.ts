/** One map over chunks, each a load-balanced task: of a given size, or of a size that grows and shrinks with the items. */

import { SerializationError, TaskAborted } from "../errors.ts";
import { joinResults, outputKind } from "../parallel-map/map-output.ts";
import { chunkRanges, type Range } from "../parallel-map/plan.ts";
import { elementsOf, type Sequence, sequenceLength, sliceSequence, toSequences } from "../parallel-map/sequences.ts";
import type { CallValue } from "../protocol/calls.ts";
import { errorsOf, isCaughtItems, itemsOf } from "../protocol/caught-items.ts";
import type { Assembly } from "./assembly.ts";
import { AsyncResult } from "./async-result.ts";
import { type BalancedSender, encodeBalanced, sendBalanced, submitBalanced } from "./balanced-call.ts";
import { ChunkSizes } from "./chunk-sizes.ts";
import { abortOn } from "./direct-call.ts";
import { Growth } from "./growth.ts";
import { keptAssembly } from "./kept-calls.ts";
import { CallTracker } from "./send-tracker.ts";
import type { ClientTask } from "./task.ts";

const NOT_SENT = "the map was aborted before these items were sent";

/** A map whose chunks are not decided yet. */
interface MapOfItems {
  readonly fn: unknown;
  readonly length: number;
  readonly callOf: (range: Range) => CallValue;
  /** The ranges of the chunks, as they are decided. */
  readonly ranges: Range[];
  readonly assembly: Assembly<unknown>;
}

/**
 * @param engines how many engines there are for it
 * @throws TypeError when there is no sequence, or one of them is none; SerializationError
 */
export function balancedMap(
  sender: BalancedSender,
  fn: unknown,
  sequences: readonly unknown[],
  engines: number,
): AsyncResult<unknown> {
  const { chunkSize, signal, returnExceptions, keep, retries } = sender.flags;
  // What is to be run again has to fail.
  const catches = returnExceptions && !keep && (retries?.error ?? 0) === 0;
  const map = describeMap(fn, sequences, catches);
  if (chunkSize === "auto") {
    signal?.throwIfAborted();
    return new Feeder(sender, map, engines).result;
  }
  for (const range of chunkRanges(map.length, chunkSize)) addRange(map, range);
  const orders = map.ranges.map((range) => ({ call: map.callOf(range), units: range.stop - range.start }));
  return sendBalanced(sender, orders, map.assembly);
}

function describeMap(fn: unknown, sequences: readonly unknown[], catches: boolean): MapOfItems {
  if (sequences.length === 0) throw new TypeError("map needs at least one sequence after the function");
  const normal = toSequences(sequences, (index) => `sequence ${index} of the map`);
  const length = Math.min(...normal.map((sequence) => sequenceLength(sequence)));
  const output = outputKind(normal[0] as Sequence);
  const ranges: Range[] = [];
  const callOf = (range: Range): CallValue => {
    const parts = normal.map((sequence, index) => {
      if (range.stop > sequenceLength(sequence)) throw takenAway(index);
      return sliceSequence(sequence, range);
    });
    const call = { operation: "map", fn, sequences: parts, output, offset: range.start } as const;
    return catches ? { ...call, catches } : call;
  };
  const assemble = (values: readonly unknown[]): unknown =>
    joinResults(normal[0] as Sequence, output, length, values, ranges);
  const items = (value: unknown): Iterable<unknown> =>
    isCaughtItems(value) ? itemsOf(value) : elementsOf(value as never);
  const errors = (value: unknown): Error[] => (isCaughtItems(value) ? errorsOf(value) : []);
  const assembly = { single: false, assemble, items, errors, counts: [], length, join: {} };
  return { fn, length, callOf, ranges, assembly };
}

function takenAway(index: number): SerializationError {
  return new SerializationError(
    `sequence ${index} of the map was transferred (detached) or resized before all of it had been sent; ` +
      "wait for the result, or for waitForSend() with the flag track, before you do that",
  );
}

function addRange({ ranges, assembly }: MapOfItems, range: Range): void {
  ranges.push(range);
  (assembly.counts as number[]).push(range.stop - range.start);
}

/** Sends chunks while there are items, so many at a time that every engine has one and the next one. */
class Feeder {
  readonly result: AsyncResult<unknown>;
  readonly #sender: BalancedSender;
  readonly #map: MapOfItems;
  readonly #sizes: ChunkSizes;
  readonly #growth: Growth = new Growth(() => this.#stop());
  readonly #tracker: CallTracker | undefined;
  /** What the tracker waits for: chunks, and what was borrowed and lent for them. */
  #sends = 0;
  readonly #lent: number[] = [];
  #position = 0;
  #underWay = 0;

  constructor(sender: BalancedSender, map: MapOfItems, engines: number) {
    this.#sender = sender;
    this.#map = map;
    this.#sizes = new ChunkSizes(map.fn, engines, map.length);
    const { session, flags } = sender;
    const { ordered, returnExceptions, signal } = flags;
    const { tasks } = this.#growth;
    if (flags.track) this.#tracker = this.#track();
    // What cannot be sent among the first is refused at once.
    this.#feed(true);
    const assembly = flags.keep ? keptAssembly(session, map.assembly) : map.assembly;
    const parts = { session, growth: this.#growth, assembly, ordered, returnExceptions, tracker: this.#tracker };
    this.result = new AsyncResult<unknown>(tasks, parts);
    if (signal === undefined || this.#growth.isComplete) return;
    signal.addEventListener("abort", this.#growth.stop, { once: true });
    this.#growth.onComplete(() => signal.removeEventListener("abort", this.#growth.stop));
    abortOn(signal, session, tasks);
  }

  /** The memory may be written again when all chunks have left: they are made as they are sent. */
  #track(): CallTracker {
    const tracker = new CallTracker();
    this.#growth.onComplete(() => {
      const reclaim = (): void => this.#sender.session.plane.reclaim(this.#lent);
      tracker.expect({ sends: this.#sends, lent: this.#lent.length, reclaim });
    });
    return tracker;
  }

  #stop(): void {
    const { length } = this.#map;
    if (this.#position >= length) return;
    this.#giveUp({ start: this.#position, stop: length }, new TaskAborted(NOT_SENT), "aborted");
    this.#growth.complete();
  }

  #feed(isFirst: boolean): void {
    const { length } = this.#map;
    while (this.#position < length && this.#underWay < this.#sizes.mostUnderWay) {
      const start = this.#position;
      const stop = start + this.#sizes.next(length - start);
      this.#position = stop;
      try {
        this.#send({ start, stop });
      } catch (error) {
        if (isFirst) throw error;
        this.#giveUp({ start, stop: length }, error as Error, "error");
      }
    }
    if (this.#position >= length && !this.#growth.isComplete) this.#growth.complete();
  }

  #send(range: Range): void {
    const call = this.#map.callOf(range);
    const units = range.stop - range.start;
    const tracker = this.#tracker;
    const packer = tracker && this.#sender.session.plane.packer(tracker);
    const onSent = tracker && (() => tracker.onSent());
    const task = submitBalanced(this.#sender, encodeBalanced(this.#sender, call), { call, units }, { packer, onSent });
    if (packer !== undefined) {
      this.#sends += 1 + packer.borrowed;
      this.#lent.push(...packer.lent);
    }
    addRange(this.#map, range);
    this.#underWay++;
    this.#growth.add(task);
    task.whenSettled(() => this.#settled(task, units));
  }

  #settled(task: ClientTask, units: number): void {
    this.#underWay--;
    if (task.duration !== undefined) this.#sizes.note(units, task.duration);
    const isOver = task.status === "aborted" || this.#sender.session.link.ended !== undefined;
    if (isOver) this.#stop();
    else this.#feed(false);
    if (this.#underWay === 0 && this.#growth.isComplete) this.#tracker?.finish();
  }

  /** The items of the range will not be sent. */
  #giveUp(range: Range, error: Error, status: "error" | "aborted"): void {
    this.#position = range.stop;
    const { session, flags } = this.#sender;
    const task = session.tasks.make(undefined, session.tasks.originOf({ label: flags.label }));
    addRange(this.#map, range);
    this.#growth.add(task);
    task.reject(session.link.ended ?? error, status);
  }
}
