/** Which tasks of an earlier controller are where: every order of news, compared with what is true. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Recovery, type RecoverySteps } from "../../src/controller/recovery.ts";

const tasks = (...places: readonly number[]) => places.map((engineId, index) => ({ taskId: `t${index}`, engineId }));
const nothing: RecoverySteps = { adopt: [], release: [], drop: [] };

describe("tasks", () => {
  test("wait until somebody says which engines there are", () => {
    const recovery = new Recovery(tasks(-1, 0));
    expect([recovery.isUninformed, recovery.awaits(0), recovery.awaits(-1)]).toEqual([true, true, true]);
    expect(recovery.expect([])).toEqual({ ...nothing, release: ["t0", "t1"] });
    expect(recovery.isOver).toBe(true);
  });

  test("are where their engine says they are, and queued again if it does not have them", () => {
    const recovery = new Recovery(tasks(0, 0, 1, 0, 0));
    expect(recovery.expect([0, 1])).toEqual(nothing);
    expect(recovery.announced(0, ["t4", "t3", "other"])).toEqual({
      adopt: ["t4", "t3"],
      release: ["t0", "t1"],
      drop: ["other"],
    });
    expect(recovery.announced(1, ["t2"])).toEqual({ ...nothing, adopt: ["t2"] });
    expect(recovery.isOver).toBe(true);
  });

  test("that are nowhere wait for no engine", () => {
    const recovery = new Recovery(tasks(-1, 0));
    expect(recovery.expect([0])).toEqual({ ...nothing, release: ["t0"] });
    expect([recovery.awaits(-1), recovery.awaits(0)]).toEqual([false, true]);
    expect(recovery.announced(0, ["t1"])).toEqual({ ...nothing, adopt: ["t1"] });
    expect(recovery.isOver).toBe(true);
  });

  test("die with their engine", () => {
    const recovery = new Recovery(tasks(0, 1));
    recovery.expect([0, 1]);
    expect(recovery.lost(0)).toEqual({ ...nothing, adopt: ["t0"] });
    expect(recovery.lost(0)).toEqual(nothing);
    expect(recovery.lost(1)).toEqual({ ...nothing, adopt: ["t1"] });
  });

  test("that come meanwhile wait with the others", () => {
    const recovery = new Recovery(tasks(0));
    recovery.expect([0]);
    recovery.add({ taskId: "new", engineId: 0 });
    expect(recovery.announced(0, ["t0"])).toEqual({ adopt: ["t0"], release: ["new"], drop: [] });
  });
});

test("whatever comes in whatever order, each task goes one way, once, and none is forgotten", () => {
  const engines = [0, 1, 2];
  const world = fc.record({
    /** Where each was sent, and whether it got there. */
    tasks: fc.array(fc.record({ sent: fc.constantFrom(-1, 0, 1, 2), arrived: fc.boolean() })),
    order: fc.shuffledSubarray(engines, { minLength: 3 }),
    dead: fc.subarray(engines),
  });
  fc.assert(
    fc.property(world, ({ tasks: list, order, dead }) => {
      const all = list.map(({ sent, arrived }, index) => ({ taskId: `t${index}`, engineId: sent, arrived }));
      const recovery = new Recovery(all);
      const went = new Map<string, string>();
      const note = ({ adopt, release }: RecoverySteps, engineId?: number): void => {
        for (const taskId of adopt) {
          expect(went.has(taskId)).toBe(false);
          went.set(taskId, `engine ${engineId}`);
        }
        for (const taskId of release) {
          expect(went.has(taskId)).toBe(false);
          went.set(taskId, "queue");
        }
        const released = release.map((taskId) => Number(taskId.slice(1)));
        expect(released).toEqual([...released].sort((a, b) => a - b));
      };
      note(recovery.expect(engines));
      // Who waits for nobody does not wait.
      expect([...went.keys()]).toEqual(all.filter(({ engineId }) => engineId < 0).map(({ taskId }) => taskId));
      for (const engineId of order) {
        const here = all.filter((task) => task.engineId === engineId && task.arrived).map(({ taskId }) => taskId);
        note(dead.includes(engineId) ? recovery.lost(engineId) : recovery.announced(engineId, here), engineId);
      }
      expect(recovery.isOver).toBe(true);
      for (const { taskId, engineId, arrived } of all) {
        const isThere = engineId >= 0 && (arrived || dead.includes(engineId));
        expect(went.get(taskId)).toBe(isThere ? `engine ${engineId}` : "queue");
      }
    }),
  );
});
