/**
 * Asked: how fast does one array reach all of two engines? Bytes delivered count: twice those of the array.
 * Expected: faster than ipyparallel; the array leaves the client once.
 * Seen: beside other work (load 31), 2.4 GB/s, 5 to 6 times ipyparallel, one thread copying; not yet on a quiet machine. The host's memory grows by 1.02 times the array, and by nothing when both engines have
 * read it (`benchmarks/memory.ts`).
 */

import { gigabytesPerSecond, MEBIBYTE, type Question } from "../lib/question.ts";

export const push: Question = {
  name: "push",
  title: "Push: one array to all engines",
  cases: (quick) => {
    const size = quick ? 16 : 64;
    return [
      {
        label: `${size} MB float64 to two engines, bytes delivered`,
        operation: "push",
        parameters: { bytes: size * MEBIBYTE },
        unit: gigabytesPerSecond(2 * size * MEBIBYTE),
        repetitions: quick ? 2 : 9,
      },
    ];
  },
};
