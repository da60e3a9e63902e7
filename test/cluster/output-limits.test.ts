/** What becomes of output when more is written than can leave. */

import { type AsyncResult, Cluster, type DisplayedOutput, display, publish } from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate } from "./gate.ts";
import { canLoadKoffi } from "./koffi.ts";
import { useSandbox } from "./processes.ts";
import { shareCluster } from "./shared-cluster.ts";

// Variables of this file, whose names survive the compiler of the tests.
const tell = publish;
const show = display;

useSandbox();
const shared = shareCluster(1);

const MiB = 1024 * 1024;
/** What may be under way, in characters: on the engine, in the sockets, and what is gathered before it leaves. */
const UNDER_WAY = 24 * MiB;
const GROWTH = 256 * MiB;

/** How many bytes a task's notices say are missing. */
function missing(stderr: string): number {
  const notices = [...stderr.matchAll(/^ndparallel: (\d+) bytes of output are missing here/gm)];
  return notices.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** All that comes until the task has ended. */
async function streamedOf(
  result: AsyncResult<unknown>,
): Promise<{ bytes: number; characters: number; stderr: string }> {
  let [bytes, characters, stderr] = [0, 0, ""];
  for await (const { stream, text } of result.streamOutput()) {
    if (stream === "stderr") stderr += text;
    else [bytes, characters] = [bytes + Buffer.byteLength(text), characters + text.length];
  }
  return { bytes, characters, stderr };
}

/** Runs on engines. Gives by how much the engine has grown meanwhile. */
function flood(count: number, text: string, isLogged: boolean): number {
  const before = process.memoryUsage.rss();
  for (let n = 0; n < count; n++) {
    if (isLogged) console.log(text);
    else process.stdout.write(text);
  }
  return process.memoryUsage.rss() - before;
}

describe("a task that writes without a break", () => {
  test.each([
    ["process.stdout.write", false],
    ["console.log", true],
  ])("1 GiB by %s does not make its engine grow, and what is missing is said, in bytes", async (_, isLogged) => {
    const text = "µ".repeat(32 * 1024 - 1) + (isLogged ? "x" : "y\n");
    const written = 16 * 1024 * (Buffer.byteLength(text) + (isLogged ? 1 : 0));
    const result = shared.rc.at(0).apply(flood, 16 * 1024, text, isLogged);
    const streamed = await streamedOf(result);
    expect(await result).toBeLessThan(GROWTH);
    expect(streamed.bytes + missing(streamed.stderr)).toBe(written);
    expect(streamed.characters).toBeGreaterThan(8 * MiB);
    expect(streamed.characters).toBeLessThan(UNDER_WAY);
    expect((result.stdout as string).startsWith(text)).toBe(true);
    const next = shared.rc.at(0).apply(() => console.log("here"));
    await next;
    expect([next.stdout, next.stderr]).toEqual(["here\n", ""]);
  });

  test.runIf(process.platform === "linux" && canLoadKoffi())("the same of what a child process writes", async () => {
    const megabytes = 160;
    const result = shared.rc.at(0).apply(async (count: number) => {
      const { execSync } = await import("node:child_process");
      const before = process.memoryUsage.rss();
      execSync(`head -c ${count}M /dev/zero`, { stdio: "inherit" });
      return process.memoryUsage.rss() - before;
    }, megabytes);
    const streamed = await streamedOf(result);
    expect(await result).toBeLessThan(GROWTH / 2);
    expect(streamed.bytes + missing(streamed.stderr)).toBe(megabytes * MiB);
    expect(streamed.bytes).toBeLessThan(2 * UNDER_WAY);
  });

  test("values that are shown without a break are left out then, and how many is said", async () => {
    const count = 64 * 1024;
    const result = shared.rc.at(0).apply((values: number) => {
      const before = process.memoryUsage.rss();
      for (let n = 0; n < values; n++) show(`${n} ${"x".repeat(8 * 1024)}`);
      return process.memoryUsage.rss() - before;
    }, count);
    const { stderr } = await streamedOf(result);
    expect(await result).toBeLessThan(GROWTH);
    const outputs = result.outputs as DisplayedOutput[];
    const left = [...stderr.matchAll(/^ndparallel: (\d+) values are missing here/gm)].map(([, values]) =>
      Number(values),
    );
    expect(left.length).toBeGreaterThan(0);
    expect(outputs.length + left.reduce((sum, values) => sum + values)).toBe(count);
    const numbers = outputs.map(({ data }) => Number.parseInt(data["text/plain"] as string, 10));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(outputs.length * 8 * 1024).toBeLessThan(UNDER_WAY);
  });

  test("of what is published without a break the last is there when the task has ended", async () => {
    const result = shared.rc.at(0).apply((values: number) => {
      const before = process.memoryUsage.rss();
      const array = new Float64Array(1024);
      for (let n = 0; n < values; n++) tell({ n, array: array.fill(n) });
      array.fill(-1);
      return process.memoryUsage.rss() - before;
    }, 64 * 1024);
    expect(await result).toBeLessThan(GROWTH);
    expect(result.data).toEqual({ n: 64 * 1024 - 1, array: new Float64Array(1024).fill(64 * 1024 - 1) });
  });

  test("nothing is missing of what has time to leave", async () => {
    const result = shared.rc.at(0).apply(async () => {
      const text = "z".repeat(64 * 1024);
      for (let n = 0; n < 512; n++) {
        await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    const { bytes, stderr } = await streamedOf(result);
    expect([bytes, stderr]).toEqual([32 * MiB, ""]);
  });
});

test.each(["memory", "sqlite"] as const)(
  "while the controller of a cluster with its database in %s does not answer, no engine grows",
  {
    timeout: 40_000,
  },
  async (database) => {
    await using cluster = await Cluster.start({ engines: 1, controller: { database, restart: true } });
    await using rc = await cluster.connect();
    await using gate = await Gate.make();
    const count = 256 * 16;
    const result = rc.at(0).apply(
      async (url: string, end: string, pieces: number) => {
        const text = "z".repeat(64 * 1024);
        await fetch(url);
        const before = process.memoryUsage.rss();
        for (let n = 0; n < pieces; n++)
          await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
        await fetch(end);
        return process.memoryUsage.rss() - before;
      },
      `${gate.url}begin`,
      `${gate.url}end`,
      count,
    );
    const streaming = streamedOf(result);
    await gate.arrived(1);
    const { pid } = await rc.status();
    process.kill(pid, "SIGSTOP");
    gate.open();
    // It has written everything when it comes again.
    await gate.arrived(2);
    process.kill(pid, "SIGCONT");
    const streamed = await streaming;
    expect(await result).toBeLessThan(GROWTH / 2);
    expect(streamed.bytes + missing(streamed.stderr)).toBe(count * 64 * 1024);
    expect(streamed.bytes).toBeLessThan(2 * UNDER_WAY);
  },
);
