/** What the hub says of tasks while there are many: nothing is lost, nothing counted twice. */

import { type AsyncResult, EngineError, type Metadata, TaskAborted } from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

/** How many tasks wait, run, and have been completed, in all. */
async function totals(): Promise<{ waiting: number; running: number; completed: number }> {
  const { unassigned, ...engines } = await shared.rc.queueStatus();
  const sum = { waiting: unassigned, running: 0, completed: 0 };
  for (const { queue, tasks, completed } of Object.values(engines)) {
    sum.waiting += queue;
    sum.running += tasks;
    sum.completed += completed;
  }
  return sum;
}

describe("queueStatus", () => {
  test("accounts for every task at every moment: direct, load-balanced, failing, aborted, of two clients", async () => {
    await using other = await shared.cluster.connect();
    const before = (await totals()).completed;
    const balanced = shared.rc.loadBalancedView();
    const results: AsyncResult<unknown>[] = [];
    let sent = 0;
    let lastCompleted = before;
    const send = (result: AsyncResult<unknown>): void => {
      results.push(result);
      sent += result.messageIds.length;
    };
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 50; n++) {
        send(balanced.apply((x: number) => "x".repeat(x), 1024));
        if (n % 5 === 0) send(shared.all.apply(() => 1));
        if (n % 10 === 0) send(balanced.apply(() => Promise.reject(new Error("no"))));
        if (n % 10 === 5) send(balanced.apply(() => new Promise((done) => setTimeout(done, 1))));
      }
      if (round % 8 === 3) {
        const last = results.at(-1) as AsyncResult<unknown>;
        await last.abort().catch(() => undefined);
        await last.wait();
        // What was aborted before an engine had it is no engine's.
        if ((last.metadata as Metadata).engineId === undefined) sent--;
      }
      // A message that follows those of the tasks, so all of them are known.
      const { waiting, running, completed } = await totals();
      expect(waiting + running + completed).toBe(before + sent);
      expect(completed).toBeGreaterThanOrEqual(lastCompleted);
      expect(running).toBeLessThanOrEqual(2);
      lastCompleted = completed;
    }
    const foreign = other.loadBalancedView().map((x: number) => x + 1, new Float64Array(1000));
    await Promise.all([foreign, ...results.map((result) => result.wait())]);
    const end = await totals();
    expect([end.waiting, end.running]).toEqual([0, 0]);
    expect(end.completed).toBe(before + sent + foreign.messageIds.length);
    // Each has one record, and its own result.
    const ids = [...results, foreign].flatMap(({ messageIds }) => messageIds);
    const history = (await shared.rc.hubHistory()).filter((id) => ids.includes(id));
    expect(history.length).toBe(ids.length);
    expect(new Set(history)).toEqual(new Set(ids));
    const status = await shared.rc.resultStatus(ids);
    expect(status.pending).toEqual([]);
    expect(new Set(status.completed)).toEqual(new Set(ids));
  });

  test("also when an engine dies and its tasks run elsewhere", async () => {
    await shared.cluster.startEngines(1);
    await shared.rc.waitForEngines(3);
    const victim = shared.rc.ids.at(-1) as number;
    const pid = await shared.rc.view(victim).apply(() => process.pid);
    const before = (await totals()).completed;
    const doomed = shared.rc.view(victim).apply(() => new Promise((done) => setTimeout(done, 60_000)));
    const results = Array.from({ length: 600 }, (_, n) =>
      shared.rc.loadBalancedView().apply(async (x: number) => {
        await new Promise((done) => setTimeout(done, 1));
        return x;
      }, n),
    );
    process.kill(pid, "SIGKILL");
    expect(await failure(() => doomed)).toBeInstanceOf(EngineError);
    while (results.some(({ ready }) => !ready)) {
      const { waiting, running, completed } = await totals();
      // What the dead engine had completed is not counted any more.
      expect(waiting + running + completed).toBeLessThanOrEqual(before + results.length);
      expect(shared.rc.ids).not.toContain(victim);
    }
    expect(await Promise.all(results)).toEqual(results.map((_, n) => n));
    expect((await totals()).waiting).toBe(0);
  });

  test("and after hundreds were aborted", async () => {
    await using gate = await Gate.make();
    const before = (await totals()).completed;
    const running = shared.all.apply(waitAt<number>, gate.url, 1);
    await gate.arrived(2);
    const results = Array.from({ length: 500 }, (_, n) => shared.rc.at(n % 2).apply(() => 1));
    expect(await totals()).toEqual({ waiting: 500, running: 2, completed: before });
    await shared.rc.abort(results);
    await shared.rc.wait(results);
    expect(await totals()).toEqual({ waiting: 0, running: 2, completed: before + 500 });
    const errors = await Promise.all(results.map((result) => result.get({ returnExceptions: true })));
    expect(errors.every((error) => (error as unknown) instanceof TaskAborted)).toBe(true);
    gate.open();
    await running;
    expect(await totals()).toEqual({ waiting: 0, running: 0, completed: before + 502 });
    expect(shared.rc.outstanding).toEqual(new Set());
  });
});
