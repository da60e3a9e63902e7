/**
 * Asked: how fast does one float64 array go to an engine and come back? Bytes out and back count.
 * Expected: faster than ipyparallel at every size; no more than a few copies behind preallocated MPI buffers.
 * Seen: @SEEN@
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
