/** What `scatter` puts down with `flatten`: partitions of length one become their only element. */

import type { NdArray } from "../ndarray-transport/ndarrays.ts";
import { foreignArrays, isForeign } from "../parallel-map/foreign.ts";
import { type Sequence, sequenceLength } from "../parallel-map/sequences.ts";

export function flattened(parts: readonly Sequence[], axis: number | undefined): unknown[] {
  return parts.map((part) => (sequenceLength(part, axis) === 1 ? onlyElement(part, axis) : part));
}

function onlyElement(part: Sequence, axis = 0): unknown {
  if (isForeign(part)) return foreignArrays().only(part, axis);
  if (Array.isArray(part) || ArrayBuffer.isView(part)) return (part as ArrayLike<unknown>)[0];
  const array = part as NdArray;
  return array.shape.length === 1 ? array.get(0) : array.pick(...array.shape.map((_, i) => (i === axis ? 0 : null)));
}
