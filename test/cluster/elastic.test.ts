/** Engines that die, stop, are restarted, retire and join while load-balanced work runs; and who ran what when. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, Cluster } from "ndparallel";
import { describe, expect, it, vi } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failureWithin, freeze, isAlive, pidsOf, until, useSandbox } from "./processes.ts";

// A safety net: starting processes takes long on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const sandbox = useSandbox();
const square = (x: number): number => x * x;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const crash = (): void => {
  process.kill(process.pid, "SIGKILL");
};

async function enginesBut(rc: Client, ids: readonly number[], count: number): Promise<void> {
  await until(() => rc.ids.filter((id) => !ids.includes(id)).length >= count, `${count} other engines joined`, 15_000);
}

describe("engines that die", () => {
  it("are replaced by the restart policy, and their tasks are run again", async () => {
    await using cluster = await Cluster.start({ engines: 2, restart: { times: 3, within: 60_000 } });
    await using rc = await cluster.connect();
    await using gate = await Gate.make();
    const [first] = rc.ids as [number];
    const { engines } = await pidsOf(rc);
    const result = rc.loadBalancedView(undefined).apply(waitAt<number>, gate.url, 7);
    await gate.arrived(1);
    const [pid] = (await rc.status()).engines.flatMap((info) => {
      return info.engineId === rc.ids[0] || info.engineId === rc.ids[1] ? info.pid : [];
    });
    expect(engines).toContain(pid);
    for (const enginePid of engines) process.kill(enginePid, "SIGKILL");
    await gate.arrived(2);
    gate.open();
    expect(await result).toBe(7);
    await enginesBut(rc, [first, first + 1], 2);
    expect(await rc.view().apply(square, 3)).toEqual([9, 9]);
  });

  it("are not replaced for ever: the set is given up, and the error says so", async () => {
    await using cluster = await Cluster.start({ engines: 1, restart: { times: 1, within: 60_000 } });
    await using rc = await cluster.connect();
    const stopped = new Promise<string>((resolve) => rc.on("engineSetStopped", ({ reason }) => resolve(reason)));
    const error = await failureWithin(20_000, rc.loadBalancedView().with({ retries: 5 }).apply(crash), "EngineError");
    expect(error.message).toMatch(/SIGKILL/);
    expect(await stopped).toMatch(/restarted once within 60000 ms.*SIGKILL/s);
    const late = await failureWithin(5_000, rc.loadBalancedView().apply(square, 2), "EngineError");
    expect(late.message).toMatch(/no engine/);
  });

  it("give up a task that kills them all, by name, and finish the others", async () => {
    await using cluster = await Cluster.start({ engines: 2, restart: { times: 20, within: 60_000 } });
    await using rc = await cluster.connect();
    const view = rc.loadBalancedView();
    const poison = view.with({ retries: { death: 2 } }).apply(crash);
    const others = upTo(50).map((x) => view.apply(square, x));
    const error = await failureWithin(20_000, poison, "EngineError");
    expect(error.message).toContain(poison.messageIds[0]);
    expect(error.message).toMatch(/3 engines died/);
    expect(await Promise.all(others)).toEqual(upTo(50).map(square));
  });
});

describe("a process that is stopped", () => {
  it("is noticed, gets no more work, is killed after the stated time, and its task runs elsewhere", async () => {
    await using cluster = await Cluster.start({ engines: 2, heartbeat: { period: 100, stopped: 500 } });
    await using rc = await cluster.connect();
    await using gate = await Gate.make();
    const [frozen] = rc.ids as [number];
    const { engines } = await pidsOf(rc);
    const held = rc.loadBalancedView().apply(waitAt<number>, gate.url, 1);
    const also = rc.loadBalancedView().apply(waitAt<number>, gate.url, 2);
    await gate.arrived(2);
    await freeze(engines[0] as number);
    gate.open();
    expect(await Promise.all([held, also])).toEqual([1, 2]);
    expect(rc.ids).not.toContain(frozen);
    expect(isAlive(engines[0] as number)).toBe(false);
    const direct = await failureWithin(2_000, rc.view(rc.ids[0] as number).apply(crash), "EngineError");
    expect(direct.message).toMatch(/SIGKILL/);
  });

  it("goes on unharmed when it is continued in time", async () => {
    await using cluster = await Cluster.start({ engines: 1, heartbeat: { period: 100, stopped: 20_000 } });
    await using rc = await cluster.connect();
    const [pid] = (await pidsOf(rc)).engines as [number];
    await freeze(pid);
    const results = upTo(20).map((x) => rc.loadBalancedView().apply(square, x));
    process.kill(pid, "SIGCONT");
    expect(await Promise.all(results)).toEqual(upTo(20).map(square));
  });

  it("counts as a lost host when it is the agent", async () => {
    await using cluster = await Cluster.start({ engines: 1, heartbeat: { period: 100, timeout: 600 } });
    await using rc = await cluster.connect();
    const { agent } = await pidsOf(rc);
    const result = rc.view().apply(() => new Promise(() => undefined));
    await freeze(agent);
    const error = await failureWithin(10_000, result, "CompositeError");
    expect(error.message).toMatch(/silent for \d+ ms and counts as lost/);
    process.kill(agent, "SIGCONT");
  });
});

describe("engines that come and go", () => {
  it("join while work runs, and retire without losing any", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using rc = await cluster.connect();
    const [first] = rc.ids as [number];
    const wait = (x: number): Promise<number> => new Promise((done) => setTimeout(done, 5, x));
    const result = rc.loadBalancedView().with({ chunkSize: 1 }).map(wait, upTo(600));
    await cluster.startEngines(1);
    await rc.waitForEngines(2);
    await cluster.retireEngines(first);
    await until(() => !rc.ids.includes(first), "the client heard that the engine is gone");
    expect(await result).toEqual(upTo(600));
    expect(new Set(result.engineIds).size).toBe(2);
    expect(result.engineIds.at(-1)).not.toBe(first);
  });

  it("offer what tasks ask for", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using rc = await cluster.connect();
    const view = rc.loadBalancedView().with({ resources: { gpu: 1 } });
    const error = await failureWithin(5_000, view.apply(square, 2), "ImpossibleDependency");
    expect(error.message).toMatch(/gpu: 1/);
    await cluster.startEngines(1, { resources: { gpu: 1 } });
    await rc.waitForEngines(2);
    const results = upTo(10).map((x) => view.apply(square, x));
    expect(await Promise.all(results)).toEqual(upTo(10).map(square));
    expect(new Set(results.flatMap(({ engineIds }) => engineIds))).toEqual(new Set([rc.ids[1]]));
  });

  it("use the scheme and the high-water mark that the cluster was started with", async () => {
    await using cluster = await Cluster.start({ engines: 2, controller: { scheme: "lru", hwm: 1 } });
    await using rc = await cluster.connect();
    const engines: number[] = [];
    for (const x of upTo(6)) {
      const result = rc.loadBalancedView().apply(square, x);
      await result;
      engines.push(result.engineIds[0] as number);
    }
    const [a, b] = rc.ids as [number, number];
    expect(engines).toEqual([a, b, a, b, a, b]);
    const bad = (): Promise<Cluster> => Cluster.start({ engines: 1, controller: { scheme: "best" as never } });
    await expect(bad()).rejects.toThrow(/scheme must be one of leastload/);
  });
});

describe("who ran what when", () => {
  it("is told as data, as a picture and as a trace, and on diagnostics channels", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using rc = await cluster.connect();
    const events: string[] = [];
    const onSubmit = (): unknown => events.push("submit");
    const onSettle = (): unknown => events.push("settle");
    subscribe("ndparallel:task:submit", onSubmit);
    subscribe("ndparallel:task:settle", onSettle);
    const results = upTo(4).map((x) =>
      rc
        .loadBalancedView()
        .with({ label: `<${x}>` })
        .apply(square, x),
    );
    await Promise.all(results);
    unsubscribe("ndparallel:task:submit", onSubmit);
    unsubscribe("ndparallel:task:settle", onSettle);
    await rc.loadBalancedView().apply(square, 1);
    expect(events.toSorted()).toEqual([...upTo(4).map(() => "settle"), ...upTo(4).map(() => "submit")]);
    const timeline = await rc.timeline({ label: { $glob: "<*" } });
    expect(timeline.spans.map(({ label }) => label).toSorted()).toEqual(["<0>", "<1>", "<2>", "<3>"]);
    for (const span of timeline.spans) {
      expect(rc.ids).toContain(span.engineId);
      expect(span.started.getTime()).toBeGreaterThanOrEqual(span.submitted.getTime() - 1);
      expect(span.completed.getTime()).toBeGreaterThanOrEqual(span.started.getTime());
    }
    const directory = join(sandbox.profileDir, "..", "tmp");
    const [svg, json] = [join(directory, "run.svg"), join(directory, "run.json")];
    await timeline.write(svg);
    await timeline.write(json);
    const picture = await readFile(svg, "utf8");
    expect(picture.match(/<rect /g)).toHaveLength(4);
    expect(picture).toContain("&#60;2&#62;");
    const { traceEvents } = JSON.parse(await readFile(json, "utf8"));
    expect(traceEvents.filter(({ ph }: { ph: string }) => ph === "X")).toHaveLength(4);
    await expect(timeline.write("run.png")).rejects.toThrow(TypeError);
    const { rm } = await import("node:fs/promises");
    await rm(svg);
    await rm(json);
  });

  it("is told on diagnostics channels of each engine, from the moment a task arrives", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using rc = await cluster.connect();
    const view = rc.at(0);
    interface Seen {
      readonly step: string;
      readonly taskId: string;
      readonly engineId: number;
      readonly status?: string;
      readonly duration?: number;
    }
    await view.apply(() => {
      const { subscribe: listen } = process.getBuiltinModule("node:diagnostics_channel");
      const seen: unknown[] = [];
      for (const step of ["receive", "start", "end"])
        listen(`ndparallel:task:${step}`, (message) => void seen.push({ step, ...(message as object) }));
      Object.assign(globalThis, { seen });
    });
    await using gate = await Gate.make();
    const held = view.apply(waitAt, gate.url, 1);
    const aborted = view.apply(square, 2);
    const bad = view.apply(() => {
      throw new RangeError("bad");
    });
    await gate.arrived();
    await aborted.abort();
    await Promise.allSettled([aborted]);
    gate.open();
    await Promise.allSettled([held, bad]);
    const seen = await view.apply(() => (globalThis as unknown as { seen: Seen[] }).seen);
    const of = ({ messageIds: [id] }: { readonly messageIds: readonly string[] }) =>
      seen.filter(({ taskId }) => taskId === id).map(({ step, engineId, status }) => [step, engineId, status]);
    const begins = ["receive", "start"].map((step) => [step, 0, undefined]);
    expect(of(held)).toEqual([...begins, ["end", 0, "ok"]]);
    expect(of(bad)).toEqual([...begins, ["end", 0, "error"]]);
    expect(of(aborted)).toEqual([
      ["receive", 0, undefined],
      ["end", 0, "aborted"],
    ]);
    const ends = seen.filter(({ step, status }) => step === "end" && status !== "aborted");
    for (const { duration } of ends) expect(duration).toBeGreaterThanOrEqual(0);
  });
});
