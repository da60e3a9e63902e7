/**
 * Asked: how many items per second, when a trivial function is mapped over 10,000 numbers with what each system does unless
 * told otherwise, and with chunks of 100?
 * Expected: with defaults at least what ProcessPoolExecutor does with chunks of 100.
 * Seen: the table is in benchmarks/README.md.
 */

import type { Question, Unit } from "../lib/question.ts";

const itemsPerSecond = (count: number): Unit => ({ name: "items/s", of: (seconds) => count / seconds });

export const manyItems: Question = {
  name: "many-items",
  title: "Map of a trivial function over numbers",
  cases: (quick) => {
    const count = quick ? 1_000 : 10_000;
    return [0, 100].map((chunk) => ({
      label: `${count.toLocaleString("en-US")} numbers, ${chunk === 0 ? "defaults" : `chunks of ${chunk}`}`,
      operation: "mapItems",
      parameters: { count, chunk },
      unit: itemsPerSecond(count),
      repetitions: quick ? 2 : 9,
    }));
  },
};
