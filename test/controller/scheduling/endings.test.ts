/** What is remembered of how tasks ended: the same as a Map would, of the latest, and not of more than twice as many. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Ending, Endings } from "../../../src/controller/scheduling/endings.ts";

const LIMIT = 8;
const taskIds = fc.constantFrom(
  "a-0",
  "a-1",
  "a-2",
  "a-12",
  "a-b-1",
  "a-b-2",
  "-3",
  "a-",
  "a",
  "a-01",
  "a--1",
  "a-1.5",
  "",
);
const endings = fc.record({ succeeded: fc.boolean(), engineId: fc.integer({ min: -1, max: 300 }) });

test("each of the latest is given back as it was noted", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(taskIds, endings), { maxLength: LIMIT }), (noted) => {
      const remembered = new Endings(LIMIT);
      const expected = new Map<string, Ending>();
      for (const [taskId, ending] of noted) {
        remembered.note(taskId, ending);
        expected.set(taskId, ending);
      }
      for (const [taskId, ending] of expected) expect(remembered.get(taskId)).toEqual(ending);
      for (const [taskId] of noted) expect(remembered.get(`${taskId}7`)).toEqual(expected.get(`${taskId}7`));
    }),
  );
});

test("as many as said are remembered, and no more than twice as many", () => {
  const remembered = new Endings(LIMIT);
  for (let last = 0; last < 10 * LIMIT; last++) {
    remembered.note(`c-${last}`, { succeeded: last % 2 === 0, engineId: last });
    expect(remembered.size).toBeLessThanOrEqual(2 * LIMIT);
    const known = Array.from({ length: last + 1 }, (_, i) => remembered.get(`c-${i}`)?.engineId);
    for (let i = Math.max(0, last + 1 - LIMIT); i <= last; i++) expect(known[i]).toBe(i);
    for (let i = 0; i <= last - 2 * LIMIT; i++) expect(known[i]).toBeUndefined();
  }
});
