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

test("numbers with gaps are kept as well as those that follow one another, and forgotten in the same way", () => {
  const history = new TaskHistory("c-", (number) => number % 1_000 === 1);
  const expected: string[] = [];
  for (let i = 0; i < 250_000; i++) {
    const number = i + Math.floor(i / 7);
    history.add(number);
    expected.push(`c-${number}`);
  }
  const { ids } = history;
  expect(ids.slice(-100_000)).toEqual(expected.slice(-100_000));
  const old = ids.slice(0, ids.indexOf(expected[100_001] as string));
  expect(old).toEqual(expected.slice(0, 100_001).filter((id) => id.endsWith("001") || id === "c-1"));
  for (const index of [0, 50, 99, 100_000, -1, -99_999]) expect(history.at(index)).toBe(ids.at(index));
  expect(history.outstanding).toEqual(new Set(ids.filter((id) => id.endsWith("001") || id === "c-1")));
});
