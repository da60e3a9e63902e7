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
    expect(recovery.hurry()).toEqual(nothing);
    expect(recovery.expect([])).toEqual({ ...nothing, release: ["t0", "t1"] });
    expect(recovery.isOver).toBe(true);
  });

  test("are where their engine says they are, and queued again if it does not have them", () => {
    const recovery = new Recovery(tasks(0, 0, 1, -1, 0));
    expect(recovery.expect([0, 1])).toEqual(nothing);
    expect(recovery.announced(0, ["t4", "t3", "other"])).toEqual({
      adopt: ["t4", "t3"],
      release: ["t0", "t1"],
      drop: ["other"],
    });
    expect(recovery.announced(1, ["t2"])).toEqual({ ...nothing, adopt: ["t2"] });
    expect(recovery.isOver).toBe(true);
  });

  test("that are nowhere wait for all engines, or for a while", () => {
    const patient = new Recovery(tasks(-1));
    patient.expect([0, 1]);
    expect(patient.announced(0, [])).toEqual(nothing);
    expect(patient.announced(1, [])).toEqual({ ...nothing, release: ["t0"] });
    const hasty = new Recovery(tasks(-1, 0));
    hasty.expect([0]);
    expect(hasty.hurry()).toEqual({ ...nothing, release: ["t0"] });
    expect([hasty.awaits(-1), hasty.awaits(0)]).toEqual([false, true]);
    // It had it all the same: what it does counts no more.
    expect(hasty.announced(0, ["t0", "t1"])).toEqual({ ...nothing, adopt: ["t1"], drop: ["t0"] });
  });

  test("die with their engine", () => {
    const recovery = new Recovery(tasks(0, 1, -1));
    recovery.expect([0, 1]);
    expect(recovery.lost(0)).toEqual({ ...nothing, adopt: ["t0"] });
    expect(recovery.lost(0)).toEqual(nothing);
    expect(recovery.lost(1)).toEqual({ adopt: ["t1"], release: ["t2"], drop: [] });
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
    /** Where each was sent as far as is written down, and where it is. */
    tasks: fc.array(fc.record({ known: fc.constantFrom(-1, 0, 1, 2), at: fc.constantFrom(-1, 0, 1, 2) })),
    order: fc.shuffledSubarray(engines, { minLength: 3 }),
    dead: fc.subarray(engines),
    hurryAfter: fc.nat({ max: 4 }),
  });
  fc.assert(
    fc.property(world, ({ tasks: list, order, dead, hurryAfter }) => {
      // What was written down may be late, never ahead: a task is where that says, or not there yet.
      const all = list.map(({ known, at }, index) => ({
        taskId: `t${index}`,
        engineId: known,
        at: known < 0 ? at : known,
      }));
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
      for (const [step, engineId] of order.entries()) {
        if (step === hurryAfter) note(recovery.hurry());
        const here = all.filter(({ at }) => at === engineId).map(({ taskId }) => taskId);
        note(dead.includes(engineId) ? recovery.lost(engineId) : recovery.announced(engineId, here), engineId);
      }
      expect(recovery.isOver).toBe(true);
      expect([...went.keys()].sort()).toEqual(all.map(({ taskId }) => taskId).sort());
      for (const { taskId, engineId, at } of all) {
        const isThere = at >= 0 && !dead.includes(at);
        if (isThere && (engineId === at || hurryAfter > 2)) expect(went.get(taskId)).toBe(`engine ${at}`);
        if (at >= 0 && dead.includes(at) && engineId === at) expect(went.get(taskId)).toBe(`engine ${at}`);
        if (at < 0) expect(went.get(taskId)).toBe("queue");
      }
    }),
  );
});
