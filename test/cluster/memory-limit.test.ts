/** A cluster in a control group with little memory: what does not fit is told, nothing hangs, and the rest goes on. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { until, useSandbox } from "./processes.ts";

useSandbox();

const MEBIBYTE = 1024 * 1024;
const program = fileURLToPath(new URL("./fixtures/limited.mjs", import.meta.url));

/** A group of processes with a limit of memory; gives the reason where there can be none. */
function makeGroup(bytes: number): string | Error {
  try {
    const own = /^\d+:memory:(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    if (own === undefined) return new Error("needs the memory controller of control groups, version 1");
    const group = `/sys/fs/cgroup/memory${own}/ndparallel-${process.pid}`;
    mkdirSync(group);
    writeFileSync(`${group}/memory.limit_in_bytes`, String(bytes));
    return group;
  } catch (error) {
    return new Error(`needs root and control groups of memory, version 1 (${(error as Error).message})`);
  }
}

test("what does not fit into memory is a typed error, or done otherwise", { timeout: 90_000 }, async (context) => {
  const group = makeGroup(640 * MEBIBYTE);
  if (group instanceof Error) {
    context.skip(group.message);
    return;
  }
  onTestFinished(() => rmdirSync(group));
  const start = `echo $$ > ${group}/cgroup.procs && exec "$0" "$1"`;
  const script = spawn("sh", ["-c", start, process.execPath, program], { stdio: ["ignore", "pipe", "pipe"] });
  const [said, [code], errors] = await Promise.all([text(script.stdout), once(script, "exit"), text(script.stderr)]);
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const { allocated, sent, made, small } = JSON.parse(said) as Record<string, unknown> & { made: string[] };
  expect(["right", "RangeError", "SerializationError"]).toContain(allocated);
  for (const outcome of [sent, ...made]) expect(["right", "CompositeError", "EngineError"]).toContain(outcome);
  expect(small).toBe("right");
  await until(() => readFileSync(`${group}/cgroup.procs`, "utf8") === "", "all processes of the group ended");
});
