/** Dividing a sequence into partitions, one for each engine. */

import { allocate, dtypeOf, isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray } from "../ndarray-transport/ndarrays.ts";
import { allocateArray, type Elements, runCopier } from "../ndarray-transport/strided-copy.ts";
import { type Foreign, foreignArrays, isForeign } from "./foreign.ts";
import { blockRanges, checkDistribution, type Distribution, placements } from "./plan.ts";
import { type Sequence, sequenceLength, sliceSequence, strideAxis } from "./sequences.ts";

/** How a sequence is divided over engines. */
export interface PartitionOptions {
  /** `"block"` (the default): neighbours together. `"roundRobin"`: partition p of n is `sequence[p::n]`. */
  readonly dist?: Distribution | undefined;
  /** The axis of an ndarray or a tensor that is divided; 0 by default. */
  readonly axis?: number | undefined;
}

/**
 * Divides `sequence` into `parts` partitions of the same kind, whose lengths differ by one at most; the longer ones
 * come first. Partitions of ndarrays, and block partitions of typed arrays, are views of the same memory.
 *
 * @param parts an integer >= 1; more than there are items gives empty partitions at the end
 * @throws TypeError for an unknown `dist`, or an axis other than 0 of what is no ndarray
 * @throws RangeError for `parts` below 1 or an axis that the ndarray does not have
 */
export function partition(sequence: Sequence, parts: number, options: PartitionOptions = {}): Sequence[] {
  const { dist = "block", axis = 0 } = options;
  checkDistribution(dist);
  const ranges = blockRanges(sequenceLength(sequence, axis), parts);
  if (dist === "block") return ranges.map((range) => sliceSequence(sequence, range, axis));
  if (isNdArray(sequence)) return ranges.map((_, part) => strideAxis(sequence, axis, part, parts));
  if (isForeign(sequence)) {
    const length = sequenceLength(sequence, axis);
    return ranges.map((_, part) => foreignArrays().slice(sequence, axis, part, length, parts) as Foreign);
  }
  return dealOut(
    sequence,
    ranges.map(({ start, stop }) => stop - start),
  );
}

/** Copies of every n-th element; round robin partitions are of the same lengths as block partitions. */
function dealOut(sequence: readonly unknown[] | TypedArray, lengths: readonly number[]): Sequence[] {
  const dealt = lengths.map((length) =>
    isTypedArray(sequence) ? allocateLike(sequence, length) : allocateArray(length),
  );
  const copiers = dealt.map((part) => runCopier(sequence as Elements, part));
  for (const { part, from, count, start, step } of placements(lengths, "roundRobin")) {
    (copiers[part] as (typeof copiers)[number])(start, step, from, 1, count);
  }
  return dealt;
}

/** A typed array of that length, of the kind of `array`: a Buffer for a Buffer. */
export function allocateLike(array: TypedArray, length: number): TypedArray {
  return Buffer.isBuffer(array) ? Buffer.alloc(length) : allocate(dtypeOf(array), length);
}
