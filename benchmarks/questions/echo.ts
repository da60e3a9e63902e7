/**
 * Asked: how fast does one float64 array go to an engine and come back? Bytes out and back count.
 * Expected: faster than ipyparallel at every size; no more than a few copies behind preallocated MPI buffers.
 * Seen: on two cores of an Intel Xeon, nearly idle: 7.6 to 9.2 GB/s at 64 MB and 15 at 256 MB, 15.6 to 17.3 and 29 times ipyparallel, 11.7
 * and 21 times piscina; at 1 MB 0.28 GB/s, 0.38 of piscina, because the way there and back itself takes most of the time.
 * The tables are in benchmarks/README.md.
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
