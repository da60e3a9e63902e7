/** What a history gives back is what was added, though it keeps less, and it forgets only what is old and answered. */

import { expect, test } from "vitest";
import { TaskHistory } from "../../src/client/task-history.ts";

test("ids come back as they were added, in order", () => {
  const ids = ["0a-0", "0a-1", "0a-17", "0a-19", "0a-1000000000000"];
  const history = new TaskHistory("0a-", (number) => number === 17);
  for (const number of [0, 1, 17, 19, 1e12]) history.add(number);
  expect(history.ids).toEqual(ids);
  expect(ids.map((_, index) => history.at(index))).toEqual(ids);
  expect([history.at(-1), history.at(-5), history.size]).toEqual(["0a-1000000000000", "0a-0", 5]);
  expect(history.outstanding).toEqual(new Set(["0a-17"]));
  expect(() => history.at(5)).toThrow(RangeError);
  history.clear();
  expect(history.ids).toEqual([]);
});

test("at least 100,000 are kept, and what has not been answered for as long as it takes", () => {
  const history = new TaskHistory("c-", (number) => number === 3);
  for (let i = 0; i < 450_000; i++) history.add(i);
  expect(history.size).toBeGreaterThanOrEqual(100_000);
  expect(history.size).toBeLessThanOrEqual(200_001);
  expect([history.at(0), history.at(-1), history.at(-100_000)]).toEqual(["c-3", "c-449999", "c-350000"]);
  expect([...history.outstanding]).toEqual(["c-3"]);
});
