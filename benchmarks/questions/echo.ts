/**
 * Asked: how fast does one float64 array go to an engine and come back? Bytes out and back count.
 * Expected: faster than ipyparallel at every size; no more than a few copies behind preallocated MPI buffers.
 * Seen: on two cores of an AMD EPYC, quiet: 4.2 GB/s at 64 MB and 6.9 at 256 MB, 38 and 59 times piscina, whose fresh
 * memory is slow there; at 8 MB 1.0 GB/s, a quarter of piscina. The table is in benchmarks/README.md.
 */

import { gigabytesPerSecond, MEBIBYTE, type Question } from "../lib/question.ts";

export const echo: Question = {
  name: "echo",
  title: "Echo: an array to one engine and back",
  cases: (quick) =>
    (quick ? [1, 8] : [1, 8, 64, 256]).map((size) => ({
      label: `${size} MB float64`,
      operation: "echo",
      parameters: { bytes: size * MEBIBYTE },
      unit: gigabytesPerSecond(2 * size * MEBIBYTE),
      repetitions: quick ? 3 : 9,
    })),
};
