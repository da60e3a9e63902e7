/** Dependencies between tasks, and of functions on the engine: when they hold, and which error says that they cannot. */

import { Dependency, depend, isParallelError, requires } from "ndparallel";
import { describe, expect, it } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failureWithin, useSandbox } from "./processes.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

useSandbox("file");
const shared = shareCluster(2);
const pid = (): number => process.pid;
const broken = (): never => {
  throw new Error("broken");
};

describe("Dependency", () => {
  const mixed = ["a", "b", "c"];
  const job = (options: object): Dependency => new Dependency(mixed, options);

  it("has the truth table of success only", () => {
    const all = job({ all: true, success: true });
    const any = job({ all: false, success: true });
    expect([all.check(["a", "b"], ["c"]), any.check(["a", "b"], ["c"])]).toEqual([false, true]);
    expect([all.check(mixed), any.check(mixed)]).toEqual([true, true]);
    expect([all.check([], mixed), any.check([], mixed)]).toEqual([false, false]);
    expect([all.unreachable(["a", "b"], ["c"]), any.unreachable(["a", "b"], ["c"])]).toEqual([true, false]);
    expect([all.unreachable(mixed), any.unreachable(mixed)]).toEqual([false, false]);
    expect([all.unreachable([], mixed), any.unreachable([], mixed)]).toEqual([true, true]);
  });

  it("has the truth table of failure only", () => {
    const all = job({ all: true, success: false, failure: true });
    const any = job({ all: false, success: false, failure: true });
    expect([all.check(["a", "b"], ["c"]), any.check(["a", "b"], ["c"])]).toEqual([false, true]);
    expect([all.check([], mixed), any.check([], mixed)]).toEqual([true, true]);
    expect([all.unreachable(["a"], []), any.unreachable(["a"], [])]).toEqual([true, false]);
    expect([all.unreachable(mixed), any.unreachable(mixed)]).toEqual([true, true]);
  });

  it("is met and reachable without tasks, and refuses what could never be met", () => {
    expect([new Dependency([]).check([]), new Dependency([]).unreachable([])]).toEqual([true, false]);
    expect(() => job({ success: false })).toThrow(RangeError);
    expect(() => new Dependency([5 as never])).toThrow(TypeError);
  });
});

describe("after and follow", () => {
  it("after: starts when the others have ended", async () => {
    const view = shared.rc.loadBalancedView();
    await using gate = await Gate.make();
    const first = view.apply(waitAt<number>, gate.url, 1);
    await gate.arrived(1);
    const second = view.with({ after: first }).apply(pid);
    expect((await shared.rc.queueStatus()).unassigned).toBe(1);
    gate.open();
    await second;
    const [before, after] = [first.metadata, second.metadata].flat();
    expect(after?.started?.getTime()).toBeGreaterThanOrEqual(before?.completed?.getTime() ?? Number.NaN);
  });

  it("follow: five tasks all on the first's engine", async () => {
    const view = shared.rc.loadBalancedView();
    const first = view.apply(pid);
    const others = Array.from({ length: 5 }, () => view.with({ follow: first }).apply(pid));
    const own = await first;
    expect(await Promise.all(others)).toEqual([own, own, own, own, own]);
  });

  it("says what is invalid, and what is impossible", async () => {
    const view = shared.rc.loadBalancedView();
    const [a, b] = shared.rc.ids.map((id) => shared.rc.loadBalancedView(id).apply(pid)) as [
      ReturnType<typeof view.apply<[], number>>,
      ReturnType<typeof view.apply<[], number>>,
    ];
    await Promise.all([a, b]);
    await failureWithin(5_000, view.with({ follow: [a, b] }).apply(pid), "ImpossibleDependency");
    const invalid = view.with({ after: "nobody" }).apply(pid);
    expect(await failureWithin(5_000, invalid, "InvalidDependency")).toMatchObject({
      messageId: invalid.messageIds[0],
      engineId: undefined,
    });
    const failed = view.apply(broken);
    await failed.wait();
    await failureWithin(5_000, view.with({ after: failed }).apply(pid), "ImpossibleDependency");
    const chain = view.with({ after: view.with({ after: failed }).apply(pid) }).apply(pid);
    await failureWithin(5_000, chain, "ImpossibleDependency");
    const cleanUp = new Dependency(failed, { success: false, failure: true });
    expect(await view.with({ after: cleanUp }).apply(() => "cleaned up")).toBe("cleaned up");
  });
});

describe("depend and requires", () => {
  it("sends the task to an engine where the check holds, whatever was tried before", async () => {
    const [first, second] = shared.rc.ids as [number, number];
    await shared.rc.view(first).push({ role: "other" });
    await shared.rc.view(second).push({ role: "wanted" });
    const check = (wanted: string): boolean => (globalThis as unknown as { role: string }).role === wanted;
    const task = depend(check, "wanted")(pid);
    const results = Array.from({ length: 6 }, () => shared.rc.loadBalancedView().apply(task));
    await Promise.all(results);
    expect(results.map(({ engineIds }) => engineIds[0])).toEqual(new Array(6).fill(second));
    const later = depend(async (wanted: string) => check(wanted), "nowhere")(pid);
    expect([later.name, task.length]).toEqual(["pid", 0]);
  });

  it("fails when no engine will do, or the one that is addressed does not", async () => {
    const never = depend(() => false)(pid);
    await failureWithin(5_000, shared.rc.loadBalancedView().apply(never), "ImpossibleDependency");
    const direct = await failure(() => shared.rc.at(0).apply(never));
    expect(isParallelError(direct, "UnmetDependency") && [direct.engineId, typeof direct.messageId]).toEqual([
      0,
      "string",
    ]);
    expect(() => depend(5 as never)).toThrow(TypeError);
  });

  it("loads modules and puts functions into the namespace first", async () => {
    const helper = (x: number): number => x * 10;
    const task = requires(
      "node:os",
      { files: "node:fs" },
      helper,
    )((x: number) => {
      const {
        os,
        files,
        helper: help,
      } = globalThis as unknown as {
        os: { EOL: string };
        files: { existsSync(path: string): boolean };
        helper(x: number): number;
      };
      return [os.EOL, files.existsSync("/"), help(x)];
    });
    expect(await shared.rc.loadBalancedView().apply(task, 4)).toEqual(["\n", true, 40]);
    const renamed = requires({ ten: helper, system: "node:os" })(
      () => `${(globalThis as unknown as { ten(x: number): number }).ten(5)}`,
    );
    expect(await shared.rc.loadBalancedView().apply(renamed)).toBe("50");
    expect(await shared.rc.loadBalancedView().apply(requires({ five: (x: number) => x + 5 })(() => 1))).toBe(1);
    expect(() => requires({ "a b": helper })).toThrow(/identifier/);
    expect(() => requires({ ten: 10 as never })).toThrow(TypeError);
    const missing = requires("no-such-package-at-all")(pid);
    await failureWithin(10_000, shared.rc.loadBalancedView().apply(missing), "ImpossibleDependency");
    expect(() => requires(() => 1)).toThrow(TypeError);
  });

  it("puts a function where others find it: without it the call is a ReferenceError", async () => {
    const square = (x: number): number => x * x;
    await shared.rc.clear();
    const bare = (x: number): number => (globalThis as unknown as { square(x: number): number }).square(x);
    const named = new Function("x", "return square(x)") as (x: number) => number;
    const view = shared.rc.loadBalancedView();
    expect(await failure(() => view.apply(named, 5))).toMatchObject({ remoteName: "ReferenceError" });
    expect(await view.apply(requires(square)(named), 5)).toBe(25);
    expect(await view.apply(requires(square)(bare), 6)).toBe(36);
  });
});
