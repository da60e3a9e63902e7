/** Tasks of groups are found by their ids, whatever groups there are. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { GroupIndex, idAt, isGroup, placeOf, type TaskGroup } from "../../src/controller/task-groups.ts";

test("only ascending numbers after a hyphen are a group", () => {
  expect(isGroup({ prefix: "c-", ids: [1, 2, 9] })).toBe(true);
  expect(isGroup({ prefix: "c", ids: [1, 2, 9] })).toBe(false);
  expect(isGroup({ prefix: "c-", ids: [] })).toBe(false);
  expect(isGroup({ prefix: "c-", ids: [1, 3, 2] })).toBe(false);
  expect(isGroup({ prefix: "c-", ids: [1, 1, 2] })).toBe(false);
});

test("the place of a number is where it lies", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(40), { minLength: 1 }), fc.nat(45), (numbers, number) => {
      const ascending = Float64Array.from(numbers).sort();
      expect(placeOf(ascending, number)).toBe(ascending.indexOf(number));
    }),
  );
});

test("what was added and not deleted is found, and nothing else", () => {
  const group = fc.record({
    prefix: fc.constantFrom("c-", "d-", "c-1-"),
    ids: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 8 }).map((ids) => ids.toSorted((a, b) => a - b)),
  });
  const step = fc.record({ group, deletes: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const index = new GroupIndex<TaskGroup>();
      let known: TaskGroup[] = [];
      for (const { group: one, deletes } of steps) {
        const range = (each: TaskGroup): [number, number] => [
          each.ids[0] as number,
          each.ids[each.ids.length - 1] as number,
        ];
        const isApart = known
          .filter(({ prefix }) => prefix === one.prefix)
          .every((other) => range(other)[1] < range(one)[0] || range(other)[0] > range(one)[1]);
        expect(index.add(one)).toBe(isApart);
        if (isApart) known.push(one);
        const gone = known[deletes];
        if (gone !== undefined) index.delete(gone);
        known = known.filter((each) => each !== gone);
        expect(new Set(index)).toEqual(new Set(known));
        for (const each of known) {
          for (let place = 0; place < each.ids.length; place++) {
            expect(index.find(idAt(each, place))).toEqual({ group: each, place });
          }
        }
        const ids = known.flatMap((each) => Array.from(each.ids, (_, place) => idAt(each, place)));
        for (const prefix of ["c-", "d-", "c-1-", "e-", ""]) {
          for (let number = 0; number <= 61; number++) {
            const taskId = prefix + number;
            if (!ids.includes(taskId)) expect(index.find(taskId)).toBeUndefined();
          }
        }
      }
      expect(index.find("c-01")).toBeUndefined();
      expect(index.find("c-")).toBeUndefined();
    }),
    { numRuns: 60 },
  );
});
