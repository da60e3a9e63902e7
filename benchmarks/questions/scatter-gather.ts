/**
 * Asked: how fast is an array divided over two engines, and how fast do the parts come back as one array?
 * Expected: faster than ipyparallel both ways; gather slower than scatter, since its output is fresh memory.
 * Seen: on two cores of an AMD EPYC, quiet: 64 MB out at 1.0 GB/s and back at 2.5, 11 and 26 times piscina. The table is
 * in benchmarks/README.md.
 */

import { gigabytesPerSecond, MEBIBYTE, type Question } from "../lib/question.ts";

export const scatterGather: Question = {
  name: "scatter-gather",
  title: "Scatter and gather over two engines",
  cases: (quick) =>
    (quick ? [16] : [64, 512]).flatMap((size) =>
      ["scatter", "gather"].map((operation) => ({
        label: `${operation} ${size} MB float64`,
        operation,
        parameters: { bytes: size * MEBIBYTE },
        unit: gigabytesPerSecond(size * MEBIBYTE),
        repetitions: quick ? 2 : 7,
      })),
    ),
};
