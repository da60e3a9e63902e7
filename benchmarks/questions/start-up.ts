/**
 * Asked: how long from the first call of the library until two engines have answered? The library is loaded already.
 * Expected: under one second, against 7.5 s of ipyparallel and 1 s of dask.
 * Seen: 9.8 times faster than ipyparallel. The table is in benchmarks/README.md.
 */

import { milliseconds, type Question } from "../lib/question.ts";

export const startUp: Question = {
  name: "start-up",
  title: "Start-up: until two engines answer",
  cases: (quick) => [
    {
      label: "two engines",
      operation: "start",
      parameters: {},
      unit: milliseconds,
      repetitions: quick ? 2 : 7,
      isCold: true,
    },
  ],
};
