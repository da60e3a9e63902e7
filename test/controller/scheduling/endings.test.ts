/** How tasks ended is remembered for a while, at the same cost however much is remembered. */

import { expect, test } from "vitest";
import { Endings } from "../../../src/controller/scheduling/endings.ts";

test("the latest endings are remembered, as many as the limit says at least, and never twice as many", () => {
  const endings = new Endings(100);
  for (let i = 0; i < 1_000; i++) {
    endings.note(`task-${i}`, { succeeded: i % 2 === 0, engineId: i });
    for (const age of [0, 50, 99]) {
      const index = i - age;
      if (index >= 0) expect(endings.get(`task-${index}`)).toEqual({ succeeded: index % 2 === 0, engineId: index });
    }
    expect(endings.size).toBeLessThanOrEqual(200);
  }
  expect(endings.get("task-700")).toBeUndefined();
});
