/**
 * Asked: how fast does one array reach all of two engines? Bytes delivered count: twice those of the array.
 * Expected: faster than ipyparallel; the array leaves the client once.
 * Seen: nearly idle, 20.3 times ipyparallel, and 20.9 in the run before (benchmarks/README.md). The
 * host's memory grows by 1.02 times the array, and by nothing when both engines have read it (`benchmarks/memory.ts`).
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
