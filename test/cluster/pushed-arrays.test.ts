/** Arrays that were pushed become ordinary globals when somebody first looks at them, and cost nothing before. */

import { readdirSync, readlinkSync } from "node:fs";
import ndarray from "ndarray";
import { ref } from "ndparallel";
import { describe, expect, test } from "vitest";
import { isSharedMemoryAvailable } from "../../src/ndarray-transport/segments/system-calls.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

declare let pushed: Float64Array;
declare let other: Float64Array;
declare let grid: { get(i: number, j: number): number; shape: number[] };

const shared = shareCluster(2);
const LENGTH = 1 << 16;
const ramp = (first: number): Float64Array => Float64Array.from({ length: LENGTH }, (_, i) => i + first);

/** How `name` stands among the globals of the engines. */
function kindOf(name: string): Promise<string[]> {
  return shared.all.apply((key: string) => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, key);
    return descriptor === undefined ? "none" : "value" in descriptor ? "value" : "getter";
  }, name) as unknown as Promise<string[]>;
}

/** The blocks of shared memory that this process holds. */
function segments(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes("memfd:ndparallel");
    } catch {
      return false;
    }
  }).length;
}

describe.skipIf(!isSharedMemoryAvailable())("a pushed array", () => {
  test("is a global like others once somebody has looked at it", async () => {
    await shared.all.push({ pushed: ramp(5) });
    expect(await kindOf("pushed")).toEqual(["getter", "getter"]);
    const seen = await shared.all.apply(() => [
      typeof pushed,
      Object.is(pushed, pushed),
      pushed.length,
      pushed[7],
      pushed.at(-1),
    ]);
    expect(seen).toEqual([0, 1].map(() => ["object", true, LENGTH, 12, LENGTH + 4]));
    expect(await kindOf("pushed")).toEqual(["value", "value"]);
    expect(await shared.all.pull("pushed")).toEqual([ramp(5), ramp(5)]);
  });

  test("is let go of at once when another takes its place unseen", async () => {
    const array = ramp(0);
    await shared.all.push({ pushed: array });
    const before = segments();
    for (let i = 0; i < 12; i++) await shared.all.push({ pushed: array });
    expect(segments() - before).toBeLessThanOrEqual(2);
    for (let i = 0; i < 12; i++) await shared.all.scatter("pushed", array);
    // Two for each scatter.
    expect(segments() - before).toBeLessThanOrEqual(8);
    expect(await shared.all.gather("pushed")).toEqual(array);
  });

  test.each(["clear", "assign"])("is let go of at once by %s", async (how) => {
    const array = ramp(0);
    await shared.all.push({ pushed: array });
    const before = segments();
    for (let i = 0; i < 12; i++) {
      await shared.all.push({ pushed: array });
      if (how === "clear") await shared.all.clear();
      else await shared.all.execute("pushed = new Float64Array([1])");
      expect(await kindOf("pushed")).toEqual(how === "clear" ? ["none", "none"] : ["value", "value"]);
    }
    expect(segments() - before).toBeLessThanOrEqual(2);
  });

  test("under two names is one array, which stays when one name gets another value", async () => {
    const array = ramp(3);
    await shared.all.push({ pushed: array, other: array });
    expect(await shared.all.apply(() => pushed === other)).toEqual([true, true]);
    await shared.all.push({ pushed: array, other: array });
    await shared.all.push({ pushed: 1 });
    await shared.all.push({ unrelated: ramp(9) });
    expect(await shared.all.apply(() => [pushed, other[0], other.at(-1)])).toEqual(
      [0, 1].map(() => [1, 3, LENGTH + 2]),
    );
  });

  test("and a view of it in one push have the bytes of each", async () => {
    const array = ramp(0);
    await shared.all.push({ pushed: array, other: array.subarray(10, 60_000) });
    await shared.all.push({ pushed: 1 });
    expect(await shared.all.apply(() => [other.length, other[0], other.at(-1)])).toEqual([
      [59_990, 10, 59_999],
      [59_990, 10, 59_999],
    ]);
  });

  test("can be an ndarray of any strides", async () => {
    const whole = ndarray(ramp(0), [256, 256]);
    await shared.all.push({ grid: whole.transpose(1, 0).hi(200, 200).lo(3, 5) });
    expect(await kindOf("grid")).toEqual(["getter", "getter"]);
    expect(await shared.all.apply(() => [...grid.shape, grid.get(2, 4)])).toEqual([
      [197, 195, 9 * 256 + 5],
      [197, 195, 9 * 256 + 5],
    ]);
  });

  test("goes on unseen to who pulls or gathers it, and lives on there", async () => {
    const array = ramp(8);
    await shared.all.push({ pushed: array, other: ndarray(array, [256, 256]).transpose(1, 0) });
    const [[first, second, again]] = await shared.all.pull(["pushed", "other", "pushed"]);
    expect(await kindOf("pushed")).toEqual(["getter", "getter"]);
    expect(again).toBe(first);
    expect(await shared.rc.at(1).pull("pushed")).toEqual(array);
    expect((second as typeof grid).get(3, 5)).toBe(8 + 5 * 256 + 3);
    await shared.all.scatter("pushed", array);
    const gathered = await shared.all.gather("pushed");
    expect(await kindOf("pushed")).toEqual(["getter", "getter"]);
    // What they lie in is used for other things now, unless somebody still has it.
    for (let i = 0; i < 6; i++) await shared.all.push({ pushed: ramp(100 + i), other: 0 });
    expect(gathered).toEqual(array);
    expect(first).toEqual(array);
    expect(await shared.all.apply(() => pushed[0])).toEqual([105, 105]);
  });

  test("is reached by dotted names, by ref, and by code", async () => {
    await shared.all.push({ pushed: ramp(1) });
    expect(await shared.all.pull("pushed.length")).toEqual([LENGTH, LENGTH]);
    await shared.all.push({ pushed: ramp(2) });
    expect(await shared.all.apply((array: Float64Array) => array[0], ref("pushed") as never)).toEqual([2, 2]);
    await shared.all.push({ pushed: ramp(4) });
    await shared.all.execute("other = pushed[1] + 1");
    expect(await shared.all.pull("other")).toEqual([6, 6]);
    await shared.all.push({ box: {} });
    await shared.all.push({ "box.inside": ramp(6) });
    expect(await shared.all.pull("box.inside")).toEqual([ramp(6), ramp(6)]);
  });

  test("is watched although the task that writes to it is the first that looks", async () => {
    const one = shared.rc.at(0);
    const write = (index: number): void => {
      if (index >= 0) pushed[index] = -1;
    };
    // From the second time on such a call is known, and nothing of it is watched if there is nothing to watch.
    for (let i = 0; i < 5; i++) await one.apply(write, -1);
    await one.push({ pushed: ramp(0) });
    const error = await failure(() => one.apply(write, 60_000));
    expect(error.message).toContain("the task wrote to pushed (element 60000)");
    expect(await one.apply(() => pushed[60_000])).toBe(60_000);
  });
});
