/**
 * Asked: `sin(x) * sqrt(x) + 1`, summed over 16 M float64 on two engines: how long with the array sent along, and how
 * long with the parts already there? Two baselines do it in one thread: numpy and plain JavaScript.
 * Expected: with the data there about half of plain JavaScript; with the data moved bound by the move.
 * Seen: not yet on a quiet machine.
 */

import { milliseconds, type Question } from "../lib/question.ts";

export const bigMap: Question = {
  name: "big-map",
  title: "Big map: sum of sin(x) * sqrt(x) + 1",
  cases: (quick) => {
    const millions = quick ? 1 : 16;
    return (["moved", "resident"] as const).map((place) => ({
      label: `${millions} M float64, data ${place}`,
      operation: place === "moved" ? "mapMoved" : "mapResident",
      parameters: { length: millions * 2 ** 20 },
      unit: milliseconds,
      repetitions: quick ? 2 : 9,
    }));
  },
};
