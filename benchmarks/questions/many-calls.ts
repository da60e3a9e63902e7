/**
 * Asked: how many calls per second, when 10,000 are sent at once, each on its own, to one engine, alternately to two, and
 * load-balanced over two?
 * Expected: at least a hundred times as many as ipyparallel, seventy times as many as dask; twice as many as piscina,
 * tinypool and workerpool, and as many as poolifier.
 * Seen: over one engine 5 times piscina and 2.5 times poolifier, load-balanced over two 4.9 times the best of piscina, tinypool and
 * workerpool and 4 times poolifier; about 600 times ipyparallel. The numbers are in benchmarks/README.md.
 */

import { type Question, tasksPerSecond } from "../lib/question.ts";

export const manyCalls: Question = {
  name: "many-calls",
  title: "Many calls at once: each a message of its own",
  cases: (quick) => {
    const count = quick ? 1_000 : 10_000;
    const said = count.toLocaleString("en-US");
    const shared = { unit: tasksPerSecond(count), repetitions: quick ? 2 : 9 };
    const addressed = [1, 2].map((engines) => ({
      label: `${said} at once over ${engines} engine${engines === 1 ? "" : "s"}`,
      operation: "tasks",
      parameters: { count, engines },
      ...shared,
    }));
    const balanced = { operation: "tasks", parameters: { count, engines: 2, balanced: 1 }, ...shared };
    return [...addressed, { label: `${said} at once, load-balanced over 2 engines`, ...balanced }];
  },
};
