/**
 * Asked: how long does one call take, `x => x + 1` on one engine, the next only after the answer to the last?
 * Expected: at least eight times faster than ipyparallel; slower than pools of threads, which have no controller.
 * Seen: 8.9 times faster than ipyparallel, on a busy machine. The table is in benchmarks/README.md.
 */

import { microsecondsPer, type Question } from "../lib/question.ts";

export const oneCall: Question = {
  name: "one-call",
  title: "One call: sequential round trips of a trivial function",
  cases: (quick) => {
    const count = quick ? 100 : 500;
    return [
      {
        label: `${count} calls one after another, time of one`,
        operation: "call",
        parameters: { count },
        unit: microsecondsPer(count),
        repetitions: quick ? 3 : 15,
      },
    ];
  },
};
