/** One map over partitions: planned, sent as one task for each engine, and joined in one output. */

import { readonlyWhole } from "../ndarray-transport/reception.ts";
import { foreignArrays, isForeign } from "../parallel-map/foreign.ts";
import { joinReceived } from "../parallel-map/join.ts";
import { joinResults, outputKind } from "../parallel-map/map-output.ts";
import { blockRanges, chunkRanges, type Range } from "../parallel-map/plan.ts";
import {
  elementsOf,
  isSequence,
  type Sequence,
  sequenceLength,
  sliceSequence,
  toSequence,
  toSequences,
} from "../parallel-map/sequences.ts";
import type { CallValue } from "../protocol/calls.ts";
import type { Assembly } from "./assembly.ts";

/** How sequences are divided: over engines, into so many parts, or into parts of that size. */
export type PartitionPlan =
  | { readonly engineIds: readonly number[] }
  | { readonly parts: number }
  | { readonly chunkSize: number };

export interface MapPlan {
  /** Each engine's task: at most one for each engine, none when there is nothing to do. */
  readonly each: readonly CallValue[];
  readonly assembly: Assembly<unknown>;
  /** The engine of each. */
  readonly engineIds: readonly number[];
}

/**
 * Divides `sequences` over engines.
 * @throws TypeError when there is no sequence, or one of them is none.
 */
export function planMap(
  fn: unknown,
  sequences: readonly unknown[],
  targets: readonly number[],
  single: boolean,
): MapPlan {
  if (sequences.length === 0) throw new TypeError("map needs at least one sequence after the function");
  const normal = toSequences(sequences, (index) => `sequence ${index} of the map`);
  const length = Math.min(...normal.map((sequence) => sequenceLength(sequence)));
  const first = normal[0] as Sequence;
  const output = outputKind(first);
  const { ranges, engineIds } = divide(normal, length, targets);
  const each = ranges.map((range): CallValue => {
    const parts = normal.map((sequence) => sliceSequence(sequence, range));
    return { operation: "map", fn, sequences: parts, output, offset: range.start };
  });
  const assemble = (values: readonly unknown[]): unknown => {
    if (values.length === 0 && isForeign(first)) return foreignArrays().whole(first);
    return joinResults(first, output, length, values, ranges);
  };
  const counts = ranges.map((range) => range.stop - range.start);
  const items = (value: unknown): Iterable<unknown> => elementsOf(value as never);
  return { each, assembly: { single, assemble, items, counts, join: {} }, engineIds };
}

/** Blocks for the targets in turn; sequences whose items lie on some of them already stay as they lie. */
function divide(
  sequences: readonly (Sequence | undefined)[],
  length: number,
  targets: readonly number[],
): { readonly ranges: readonly Range[]; readonly engineIds: readonly number[] } {
  const lying = sequences.find((sequence) => isForeign(sequence) && foreignArrays().layout?.(sequence) !== undefined);
  const layout = (lying === undefined ? undefined : foreignArrays().layout?.(lying)) ?? [];
  const engineIds = layout.map(({ engineId }) => engineId);
  const isSuitable = engineIds.length > 0 && engineIds.every((engineId) => targets.includes(engineId));
  if (!isSuitable || layout.reduce((sum, part) => sum + part.length, 0) !== length) {
    return { ranges: blockRanges(length, targets.length).filter(isFilled), engineIds: targets };
  }
  let start = 0;
  const parts = layout
    .map((part) => {
      const range = { engineId: part.engineId, start, stop: start + part.length };
      start = range.stop;
      return range;
    })
    .filter(isFilled);
  return { ranges: parts, engineIds: parts.map(({ engineId }) => engineId) };
}

function isFilled({ start, stop }: Range): boolean {
  return stop > start;
}

/**
 * The parts of a parallel function's call: every sequence is divided, everything else goes whole to each engine.
 * @throws TypeError without a sequence, RangeError for sequences of different lengths.
 */
export function planParts(fn: unknown, args: readonly unknown[], how: PartitionPlan, single: boolean): MapPlan {
  const sequences = args.map((arg, index) => (isSequence(arg) ? toSequence(arg, `argument ${index}`) : undefined));
  const lengths = sequences.flatMap((sequence) => (sequence === undefined ? [] : sequenceLength(sequence)));
  const length = lengths[0];
  const first = sequences.find((sequence) => sequence !== undefined);
  if (length === undefined || first === undefined) {
    throw new TypeError(
      "a parallel function needs an argument that can be divided: an array, a typed array, an ndarray or a tensor",
    );
  }
  if (lengths.some((other) => other !== length)) {
    throw new RangeError(`the sequences of a parallel call must have one length; given: ${lengths.join(", ")}`);
  }
  const { ranges, engineIds } =
    "engineIds" in how
      ? divide(sequences, length, how.engineIds)
      : {
          ranges: ("parts" in how ? blockRanges(length, how.parts) : chunkRanges(length, how.chunkSize)).filter(
            isFilled,
          ),
          engineIds: [],
        };
  const each = ranges.map((range): CallValue => {
    const parts = args.map((arg, index) => {
      const sequence = sequences[index];
      return sequence === undefined ? arg : sliceSequence(sequence, range);
    });
    return { operation: "apply", fn, args: parts, range };
  });
  const assemble = (values: readonly unknown[]): unknown =>
    values.length === 0 ? emptyOf(first) : joinReceived(values);
  return {
    each,
    assembly: {
      single,
      assemble,
      items: (value) => (isSequence(value) ? elementsOf(value as never) : [value]),
      join: {},
    },
    engineIds,
  };
}

function emptyOf(sequence: Sequence): unknown {
  const part = sliceSequence(sequence, { start: 0, stop: 0 });
  return isForeign(part) ? foreignArrays().whole(part) : readonlyWhole(part);
}
