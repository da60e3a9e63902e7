/** What tasks write past Node's streams: to descriptors, from child processes, from native code. */

import { Cluster, EngineError } from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate } from "./gate.ts";
import { canLoadKoffi } from "./koffi.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

/** Without it the agent reads the pipes, and nobody knows which task wrote. */
const isAvailable = process.platform === "linux" && canLoadKoffi();

describe.runIf(isAvailable)("native output", () => {
  test("of every kind belongs to the task that wrote it, in order with what it wrote otherwise", async () => {
    const result = shared.rc.at(0).apply(async () => {
      const { writeSync, writevSync, writeFileSync } = await import("node:fs");
      const { execSync } = await import("node:child_process");
      console.log("a");
      writeSync(1, "b\n");
      console.log("c");
      writevSync(1, [Buffer.from("d"), Buffer.from("\n")]);
      execSync("echo e; echo wrong >&2", { stdio: "inherit" });
      writeFileSync(1, "f\n");
      (process as unknown as { _rawDebug(text: string): void })._rawDebug("raw");
      console.log("g");
    });
    await result;
    expect(result.stdout).toBe("a\nb\nc\nd\ne\nf\ng\n");
    expect(result.stderr).toBe("wrong\nraw\n");
  });

  test("of a library", async () => {
    const result = shared.rc.at(0).execute(`
      const { createRequire } = await import("node:module");
      const koffi = createRequire(${JSON.stringify(import.meta.url)})("koffi");
      const library = koffi.load(null);
      library.func("int puts(const char *text)")("from C");
      library.func("int fflush(void *file)")(null);
      library.func("int dprintf(int fd, const char *text)")(2, "and more");
    `);
    await result;
    expect(result.stdout).toBe("from C\n");
    expect(result.stderr).toBe("and more");
  });

  test("of quick tasks one after another is told apart", async () => {
    await shared.rc.at(0).execute('import { writeSync } from "node:fs"');
    const results = Array.from({ length: 200 }, (_, n) =>
      shared.rc
        .at(0)
        .apply(
          (text: string) => void (globalThis as unknown as typeof import("node:fs")).writeSync(1, text),
          `task ${n}`,
        ),
    );
    await Promise.all(results);
    expect(results.map(({ stdout }) => stdout)).toEqual(results.map((_, n) => `task ${n}`));
  });

  test("arrives while the task runs", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(0).apply(async (url: string) => {
      const { spawn } = await import("node:child_process");
      const child = spawn("sh", ["-c", "echo early; read line; echo late"], { stdio: ["pipe", "inherit", "inherit"] });
      await fetch(url);
      child.stdin?.end("\n");
      await new Promise((resolve) => child.once("close", resolve));
    }, gate.url);
    for await (const { text } of result.streamOutput()) {
      if (text === "early\n") gate.open();
    }
    await result;
    expect(result.stdout).toBe("early\nlate\n");
  });

  test("arrives while the task waits, also what came while it computed", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(0).apply(async (url: string) => {
      const { spawn } = await import("node:child_process");
      const child = spawn("echo", ["early"], { stdio: "inherit" });
      // Long enough for the thread that reads meanwhile.
      for (const end = performance.now() + 400; performance.now() < end; );
      await fetch(url);
      return child.pid;
    }, gate.url);
    for await (const { text } of result.streamOutput()) {
      expect(text).toBe("early\n");
      gate.open();
    }
    expect(await result).toBeGreaterThan(0);
  });

  test("much of it, while the engine waits for the writer, comes complete and in order", async () => {
    const lines = 300_000;
    const result = shared.rc.at(0).apply(async (count: number) => {
      const { execSync } = await import("node:child_process");
      const { writeSync } = await import("node:fs");
      console.log("begin");
      execSync(`seq ${count}`, { stdio: "inherit" });
      const block = Buffer.alloc(3_000_000, "x");
      for (let at = 0; at < block.length; ) at += writeSync(1, block, at);
      console.log("end");
    }, lines);
    await result;
    const stdout = result.stdout as string;
    const numbers = Array.from({ length: lines }, (_, n) => `${n + 1}\n`).join("");
    const expected = `begin\n${numbers}${"x".repeat(3_000_000)}end\n`;
    expect(stdout.length).toBe(expected.length);
    expect(stdout === expected).toBe(true);
  });

  test("an interrupt in the midst of it leaves an engine that works", async () => {
    await shared.rc.at(0).execute('import { writeSync } from "node:fs"');
    const [before] = shared.rc.ids;
    const result = shared.rc.at(0).apply(() => {
      for (let n = 0; ; n++) {
        (globalThis as unknown as typeof import("node:fs")).writeSync(1, "native ");
        if (n % 1000 === 0) console.log("and not");
      }
    });
    for await (const _ of result.streamOutput()) break;
    await result.abort({ running: true });
    const next = shared.rc.at(0).apply(() => void console.log("here"));
    await next;
    expect(next.stdout).toBe("here\n");
    expect(next.engineIds).toEqual([before]);
  });
});

test("what a library says before its engine dies is in the error", async () => {
  await using cluster = await Cluster.start({ engines: 1 });
  await using rc = await cluster.connect();
  const error = await failure(() =>
    rc.at(0).apply(async () => {
      const { writeSync } = await import("node:fs");
      await new Promise((resolve) => setImmediate(resolve));
      writeSync(2, "no memory left in the library");
      process.abort();
    }),
  );
  expect(error).toBeInstanceOf(EngineError);
  expect(error.message).toContain("no memory left in the library");
});
