/** What questions to the task database mean, operator by operator, and combined. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileQuery, globPattern, type TaskQuery } from "../../src/controller/task-query.ts";
import type { TaskRecord } from "../../src/controller/task-record.ts";

function record(taskId: string, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    taskId,
    clientUuid: "c",
    engineId: 0,
    engineUuid: "e",
    operation: "apply",
    submitted: 0,
    label: undefined,
    stdout: "",
    stderr: "",
    outcome: undefined,
    buffers: [],
    ...more,
  };
}

/** Tasks 0 to 9, submitted a second apart; the even ones have ended, on engine n mod 3. */
const records = Array.from({ length: 10 }, (_, n) =>
  record(`t-${n}`, {
    submitted: n * 1000,
    engineId: n % 3,
    label: n < 5 ? `early ${n}` : undefined,
    after: n === 7 ? ["t-1", "t-2"] : undefined,
    outcome:
      n % 2 === 0 ? { status: n === 8 ? "error" : "ok", started: n * 1000 + 1, completed: n * 1000 + 5 } : undefined,
  }),
);

function find(query: TaskQuery): number[] {
  const matches = compileQuery(query);
  return records.filter(matches).map(({ taskId }) => Number(taskId.slice(2)));
}

describe("operators", () => {
  test.each<[string, TaskQuery, number[]]>([
    ["nothing asked", {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ["a value", { msgId: "t-3" }, [3]],
    ["$eq", { engineId: { $eq: 2 } }, [2, 5, 8]],
    ["$ne", { engineId: { $ne: 0 } }, [1, 2, 4, 5, 7, 8]],
    ["$lt", { submitted: { $lt: 2000 } }, [0, 1]],
    ["$lte", { submitted: { $lte: 2000 } }, [0, 1, 2]],
    ["$gt", { submitted: { $gt: 7000 } }, [8, 9]],
    ["$gte", { submitted: { $gte: 7000 } }, [7, 8, 9]],
    ["$in", { msgId: { $in: ["t-1", "t-9", "other"] } }, [1, 9]],
    ["$nin", { msgId: { $nin: ["t-1", "t-9", "other"] } }, [0, 2, 3, 4, 5, 6, 7, 8]],
    ["$mod", { submitted: { $mod: [3000, 1000] } }, [1, 4, 7]],
    ["$exists", { completed: { $exists: true } }, [0, 2, 4, 6, 8]],
    ["$exists: false", { completed: { $exists: false } }, [1, 3, 5, 7, 9]],
    ["$glob", { label: { $glob: "early [1-3]" } }, [1, 2, 3]],
    ["$all", { after: { $all: ["t-2", "t-1"] } }, [7]],
    ["$all of more", { after: { $all: ["t-2", "t-3"] } }, []],
    ["a member of a list", { after: "t-1" }, [7]],
    ["a list", { after: { $eq: ["t-1", "t-2"] } }, [7]],
    ["null", { completed: null }, [1, 3, 5, 7, 9]],
    ["null of what is always there", { msgId: null }, []],
    ["$ne null", { label: { $ne: null } }, [0, 1, 2, 3, 4]],
    ["$in with null", { status: { $in: [null, "error"] } }, [1, 3, 5, 7, 8, 9]],
    ["what is unknown is neither less nor greater", { completed: { $lt: 1e9 } }, [0, 2, 4, 6, 8]],
    ["of another type", { submitted: { $gt: "0" } }, []],
    ["texts are ordered", { msgId: { $gte: "t-8" } }, [8, 9]],
  ])("%s", (_, query, expected) => {
    expect(find(query)).toEqual(expected);
  });

  test("several operators and several keys all have to hold", () => {
    expect(find({ submitted: { $gt: 1000, $lte: 6000 }, engineId: 0 })).toEqual([3, 6]);
    expect(find({ engineId: 2, status: "ok" })).toEqual([2]);
    expect(find({ status: "ok", engineId: 2 })).toEqual([2]);
    expect(find({ submitted: { $gte: 2000, $lt: 5000, $ne: 3000 } })).toEqual([2, 4]);
  });

  test("$in and $nin, $lt and $gte part the records", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 12 })), fc.integer({ min: -1000, max: 11_000 }), (numbers, time) => {
        const ids = numbers.map((n) => `t-${n}`);
        const every = find({});
        for (const [one, other] of [
          [find({ msgId: { $in: ids } }), find({ msgId: { $nin: ids } })],
          [find({ submitted: { $lt: time } }), find({ submitted: { $gte: time } })],
          [find({ submitted: { $gt: time } }), find({ submitted: { $lte: time } })],
          [find({ submitted: time }), find({ submitted: { $ne: time } })],
        ] as [number[], number[]][]) {
          expect([...one, ...other].sort((a, b) => a - b)).toEqual(every);
        }
      }),
    );
  });
});

describe("bad questions", () => {
  test.each<[unknown, RegExp]>([
    [null, /object/],
    [[], /object/],
    [{ color: 1 }, /"color".*msgId/],
    [{ msgId: { $like: 1 } }, /\$like.*\$glob/],
    [{ msgId: { $in: "t" } }, /\$in takes a list/],
    [{ submitted: { $mod: 3 } }, /\$mod/],
    [{ submitted: { $mod: [0, 1] } }, /\$mod/],
    [{ submitted: { $exists: 1 } }, /\$exists/],
    [{ label: { $glob: 5 } }, /\$glob/],
    [{ msgId: { id: 1 } }, /"id"/],
  ])("%j is a TypeError", (query, message) => {
    expect(() => compileQuery(query as TaskQuery)).toThrow(TypeError);
    expect(() => compileQuery(query as TaskQuery)).toThrow(message);
  });
});

describe("glob", () => {
  // As Python's fnmatch.fnmatchcase and SQLite's GLOB have it.
  test.each([
    ["a*", ["a", "ab", "a/b\nc"], ["ba", "A"]],
    ["*b*", ["b", "abc"], ["ac"]],
    ["a?c", ["abc", "a.c"], ["ac", "abbc"]],
    ["[ab]c", ["ac", "bc"], ["cc", "abc"]],
    ["[!ab]c", ["cc"], ["ac", "c"]],
    ["[a-c]1", ["a1", "c1"], ["d1", "-1"]],
    ["[*]", ["*"], ["a", "[*]"]],
    ["[]]x", ["]x"], ["x"]],
    ["a.b+(c)|^$", ["a.b+(c)|^$"], ["axb+(c)|^$"]],
    ["[a", ["[a"], ["a"]],
    ["", [""], ["a"]],
  ])("%s", (pattern, yes, no) => {
    const regExp = globPattern(pattern);
    expect(yes.filter((text) => !regExp.test(text))).toEqual([]);
    expect(no.filter((text) => regExp.test(text))).toEqual([]);
  });
});
