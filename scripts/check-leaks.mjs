// Fails if a process of a cluster of this checkout is still running, or if the runtime directory, where running
// clusters keep their connection files and sockets, is not empty. Waits a moment for what is just exiting.
//
//   node scripts/check-leaks.mjs               check; exit code 1 and a list if something is left
//   node scripts/check-leaks.mjs --list        print the process ids of the clusters that run now
//   node scripts/check-leaks.mjs --ignore 7,8  check, but overlook these processes
//
// The runtime directory is $NDPARALLEL_DIR, else ndparallel-<uid> in the system's temporary directory.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

/** It takes milliseconds, but a busy machine must not fail a correct program. */
const patienceMs = 60_000;
const root = realpathSync(path.dirname(import.meta.dirname));
const programs = ["cli/main.js", "controller/main.js", "engine/main.js", "engine/agent-main.js"].map((file) =>
  path.join(root, "dist", file),
);
const runtimeDirectory = process.env.NDPARALLEL_DIR ?? path.join(os.tmpdir(), `ndparallel-${os.userInfo().uid}`);

const { values } = parseArgs({ options: { list: { type: "boolean" }, ignore: { type: "string", default: "" } } });
if (values.list) {
  console.log(
    clusterProcesses()
      .map(({ pid }) => pid)
      .join(","),
  );
} else {
  await check(new Set(values.ignore.split(",").map(Number)));
}

/** Polls until nothing is left or patience ends. */
async function check(ignored) {
  const deadline = performance.now() + patienceMs;
  let left = findLeft(ignored);
  while (left.length > 0 && performance.now() < deadline) {
    await delay(100);
    left = findLeft(ignored);
  }
  if (left.length === 0) return;
  console.error(`Left behind ${patienceMs / 1000} s after the end:`);
  for (const line of left) console.error(`  ${line}`);
  process.exitCode = 1;
}

/** What is left, a line each: processes, then files in the runtime directory. */
function findLeft(ignored) {
  const processes = clusterProcesses().filter(({ pid }) => !ignored.has(pid) && !ofAnotherTestRun(pid));
  const files = existsSync(runtimeDirectory) ? readdirSync(runtimeDirectory) : [];
  return [
    ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
    ...files.map((file) => `file ${path.join(runtimeDirectory, file)}`),
  ];
}

function clusterProcesses() {
  const all = existsSync("/proc/self/cmdline") ? processesFromProc() : processesFromPs();
  return all.filter(({ command }) => programs.some((program) => command.includes(program)));
}

function processesFromProc() {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => ({ pid: Number(pid), command: readProc(pid, "cmdline").replaceAll("\0", " ").trim() }));
}

function processesFromPs() {
  const lines = execFileSync("ps", ["-axww", "-o", "pid=,command="], { encoding: "utf8" }).split("\n");
  return lines.map((line) => {
    const [, pid = "0", command = ""] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return { pid: Number(pid), command };
  });
}

/** True where the process shows that it was started under another test run's runtime directory. */
function ofAnotherTestRun(pid) {
  const setting = readProc(pid, "environ")
    .split("\0")
    .find((entry) => entry.startsWith("NDPARALLEL_DIR="));
  const directory = setting?.slice("NDPARALLEL_DIR=".length) ?? "";
  return directory !== runtimeDirectory && path.basename(directory).startsWith("ndparallel-test-");
}

/** A file of a process; empty where the process is gone, a zombie, or somebody else's. */
function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
