/** A cluster in a control group with little memory: shared memory that does not fit is not taken, and the rest goes on. */

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

test("more shared memory than there may be is refused or replaced, and no process is killed", {
  timeout: 90_000,
}, async (context) => {
  const group = makeGroup(900 * MEBIBYTE);
  if (group instanceof Error) {
    context.skip(group.message);
    return;
  }
  onTestFinished(() => rmdirSync(group));
  const start = `echo $$ > ${group}/cgroup.procs && exec "$0" "$1"`;
  const script = spawn("sh", ["-c", start, process.execPath, program], { stdio: ["ignore", "pipe", "pipe"] });
  const [said, [code], errors] = await Promise.all([text(script.stdout), once(script, "exit"), text(script.stderr)]);
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const outcomes = JSON.parse(said) as Record<string, unknown>;
  // 2 GiB are there as ordinary memory, of which the system gives no page before it is used; or they are refused.
  expect(["right", "RangeError"]).toContain(outcomes["allocated"]);
  expect(outcomes).toMatchObject({ sent: "right", returned: "right" });
  await until(() => readFileSync(`${group}/cgroup.procs`, "utf8") === "", "all processes of the group ended");
});
