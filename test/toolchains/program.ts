/** Runs the programs of a project and reads what they found. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { root } from "../run-typescript.ts";
import { caseNames, type Project } from "./workspace.ts";

/** What a program left: how it ended, all it printed, and a line for each case. */
export interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly lines: readonly CaseLine[];
}

export interface CaseLine {
  readonly name: string;
  readonly ok: boolean;
  readonly got: string;
  readonly expected: string;
}

const PART_OF_A_RUN = { NDPARALLEL_SKIP_BUILD: "1", NDPARALLEL_SKIP_LEAK_CHECK: "1" } as const;

/** What a program may take, and how it is ended then. */
const LIMITS = { timeout: 600_000, killSignal: "SIGKILL" } as const;

/** Runs a program in the project's folder, the first of `command` being Node unless it is a path. */
export async function runProgram(
  project: Project,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const results = resultsOf(project);
  rmSync(results, { force: true });
  const { code, output } = await ending(start(project, command, env));
  const lines = existsSync(results) ? readFileSync(results, "utf8").trimEnd().split("\n") : [];
  return { code, output, lines: lines.map((line) => JSON.parse(line) as CaseLine) };
}

/** Runs a program of the repository, in its folder; if that is vitest, this run has built and looks for what is left. */
export function runInRepository(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<Omit<Outcome, "lines">> {
  const [file, ...args] = command;
  return ending(spawn(file, args, { cwd: root, env: { ...ownEnvironment(), ...PART_OF_A_RUN, ...env }, ...LIMITS }));
}

/** Closes the program's input and waits for its end. */
async function ending(child: ChildProcessWithoutNullStreams): Promise<Omit<Outcome, "lines">> {
  child.stdin.end();
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, output };
}

/** Starts a program in the project's folder, its input being open. */
export function start(
  project: Project,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const [file = "", ...args] = command[0] === "node" ? [process.execPath, ...command.slice(1)] : command;
  return spawn(file, args, {
    cwd: project.folder,
    env: { ...ownEnvironment(), RESULTS: resultsOf(project), ENGINE_FOLDER: project.engineFolder, ...env },
    ...LIMITS,
  });
}

function resultsOf(project: Project): string {
  return project.file("results.jsonl");
}

/** The environment without what this test run put there. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(NDPARALLEL_TEST_REPORT|VITEST|NODE_OPTIONS|NODE_V8_COVERAGE|NODE_ENV|DEV|PROD|TEST|MODE|SSR|BASE_URL)/.test(
        name,
      ),
  );
  return Object.fromEntries(kept);
}

/** Runs a program that starts a cluster: what {@link expectLines} expects, and that no process of it is left. */
export async function expectCases(
  project: Project,
  files: readonly string[],
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await expectLines(project, files, command, env);
  await expectNoProcesses(project);
}

/** Runs a program and expects that it ends well, that all cases of the files were run and gave what they should. */
export async function expectLines(
  project: Project,
  files: readonly string[],
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { code, output, lines } = await runProgram(project, command, env);
  const wrong = lines
    .filter(({ ok }) => !ok)
    .map(({ name, got, expected }) => `${name}: ${got} instead of ${expected}`);
  expect(wrong, "cases that gave something else").toEqual([]);
  expect(
    lines.map(({ name }) => name),
    output,
  ).toEqual(caseNames(...files));
  expect(code, output).toBe(0);
}

/** Expects that no process of the clusters of these projects is left, waiting for their end, at most a minute. */
export async function expectNoProcesses(project: Project): Promise<void> {
  await expect
    .poll(() => processesOf(path.dirname(project.folder)), { timeout: 60_000, message: "processes that were left" })
    .toEqual([]);
}

/** Processes of clusters whose code lies in the workspace. */
function processesOf(workspace: string): string[] {
  if (!existsSync("/proc/self/cmdline")) return [];
  const isOwn = (command: string): boolean => command.includes(path.join(workspace, "node_modules", "ndparallel"));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandOf)
    .filter(isOwn);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // it has ended
  }
}
