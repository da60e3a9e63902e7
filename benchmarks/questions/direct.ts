/**
 * Asked: how fast does an array reach an engine that fetches it over a connection (`dataWay: "direct"`), as it does from
 * another host? Beside one zeromq connection over TCP that carries the same frames and copies them to one array.
 * Expected: 80 % of the zeromq connection: both are bound by the system's own copies.
 * Seen: between two hosts not yet. On one, on a busy machine (load 24, two cores): 0.32 GB/s (quartiles 0.25 and 0.36)
 * against 0.58 (0.37 and 1.18), 0.55 of it. Each piece wakes two event loops, and each of them waits for a core.
 */

import { gigabytesPerSecond, MEBIBYTE, type Question } from "../lib/question.ts";

export const direct: Question = {
  name: "direct",
  title: "Direct: an array over a connection to one engine",
  cases: (quick) => {
    const size = quick ? 16 : 64;
    return [
      {
        label: `${size} MB float64`,
        operation: "sendDirect",
        parameters: { bytes: size * MEBIBYTE },
        unit: gigabytesPerSecond(size * MEBIBYTE),
        repetitions: quick ? 3 : 15,
      },
    ];
  },
};
