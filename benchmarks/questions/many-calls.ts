/**
 * Asked: how many calls per second, when 10,000 are sent at once, each on its own, to one engine and alternately to two?
 * Expected: at least fifty times as many as ipyparallel; about as many as pools of threads.
 * Seen: 32 times as many as ipyparallel, with 1,000 cold calls; not yet with 10,000. The table is in benchmarks/README.md.
 */

import { type Question, tasksPerSecond } from "../lib/question.ts";

export const manyCalls: Question = {
  name: "many-calls",
  title: "Many calls at once: each a message of its own",
  cases: (quick) => {
    const count = quick ? 1_000 : 10_000;
    return [1, 2].map((engines) => ({
      label: `${count.toLocaleString("en-US")} at once over ${engines} engine${engines === 1 ? "" : "s"}`,
      operation: "tasks",
      parameters: { count, engines },
      unit: tasksPerSecond(count),
      repetitions: quick ? 2 : 9,
    }));
  },
};
