/**
 * Runs once around all tests: builds dist/, gives the run a runtime directory of its own, and afterwards fails the run
 * if a process or a file of a cluster is left. NDPARALLEL_SKIP_LEAK_CHECK=1 leaves that to a run that this one is part of, whose
 * other tests have clusters at the same time.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.dirname(import.meta.dirname);

export default function setup(): () => void {
  build();
  const runtimeDirectory = mkdtempSync(path.join(os.tmpdir(), "ndparallel-test-"));
  process.env["NDPARALLEL_DIR"] = runtimeDirectory;
  const runningBefore = runScript("check-leaks.mjs", "--list").stdout.trim();

  return function teardown(): void {
    if (process.env["NDPARALLEL_SKIP_LEAK_CHECK"] === "1") {
      rmSync(runtimeDirectory, { recursive: true, force: true });
      return;
    }
    const check = runScript("check-leaks.mjs", "--ignore", runningBefore);
    rmSync(runtimeDirectory, { recursive: true, force: true });
    if (check.status === 0) return;
    process.exitCode = 1; // vitest only prints what a teardown throws
    throw new Error(`The tests left something behind.\n${check.stdout}${check.stderr}`);
  };
}

/** Builds dist/, which the tests of whole clusters import as `ndparallel`; NDPARALLEL_SKIP_BUILD=1 leaves it as it is. */
function build(): void {
  if (process.env["NDPARALLEL_SKIP_BUILD"] === "1") return;
  const { status, stdout, stderr } = runScript("build.mjs");
  if (status === 0) return;
  throw new Error(
    `The build failed, so no test ran. To run tests that do not need dist/, set NDPARALLEL_SKIP_BUILD=1.\n${stdout}${stderr}`,
  );
}

function runScript(name: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [path.join(root, "scripts", name), ...args], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}
