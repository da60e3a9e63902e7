/** Arrays with known elements, and reading them by the definition. */

import { makeNdArray, type NdArray, sizeOf } from "../../src/ndarray-transport/ndarrays.ts";

/** 0, 1, 2, … in that shape, in C order: NumPy's `np.arange(size, dtype=float).reshape(shape)`. */
export function arange(...shape: number[]): NdArray {
  return makeNdArray(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => i),
    shape,
  );
}

/** The elements in C order by its definition: the last index runs fastest. */
export function elements(array: NdArray): unknown[] {
  const values: unknown[] = [];
  const visit = (index: number[]): void => {
    if (index.length === array.shape.length) values.push(array.get(...index));
    else for (let i = 0; i < (array.shape[index.length] as number); i++) visit([...index, i]);
  };
  visit([]);
  return values;
}
