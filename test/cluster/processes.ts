/**
 * Watches over the processes and files of the clusters that a test starts. Every process that descends from a test
 * carries a mark in its environment, so that a leftover is found whoever its parent is now.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, isParallelError, type ParallelError, type ParallelErrorCode } from "ndparallel";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";

const MARK = "NDPARALLEL_TEST_MARK";
const POLL_MS = 10;
/**
 * The limits of the tests say what a machine with nothing else to do takes at most. They are there so that what never
 * happens fails a test, and are so many times longer, because a busy machine must not fail a correct program.
 */
const PATIENCE = 12;
/** How long a cluster that was stopped may take to vanish, in milliseconds, before a test fails. */
const VANISH_MS = 2_000;

/**
 * Resolves once `condition` gives something true.
 *
 * @param timeout in milliseconds, on a machine with nothing else to do
 * @throws Error that says `what` did not happen
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  timeout = 5_000,
): Promise<Exclude<T, false | undefined | null>> {
  const deadline = performance.now() + PATIENCE * timeout;
  for (;;) {
    const value = await condition();
    if (value) return value as Exclude<T, false | undefined | null>;
    if (performance.now() > deadline) throw new Error(`within ${PATIENCE * timeout} ms it did not happen that ${what}`);
    await delay(POLL_MS);
  }
}

/** Whether a process exists and is more than a zombie. */
export function isAlive(pid: number): boolean {
  const state = processState(pid);
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Resolves once none of the processes is alive. @throws Error */
export async function gone(pids: readonly number[], timeout: number): Promise<void> {
  await until(() => !pids.some(isAlive), `processes ${pids.join(", ")} ended`, timeout);
}

/** The one-letter state of a process as /proc tells it, e.g. "T" for a stopped one. */
export function processState(pid: number): string | undefined {
  // The name of the program, in parentheses, may itself hold any character.
  return readProcess(pid, "stat")
    ?.replace(/^.*\) /s, "")
    .charAt(0);
}

/** The parent of a process. */
export function parentOf(pid: number): number {
  return Number(
    readProcess(pid, "stat")
      ?.replace(/^.*\) /s, "")
      .split(" ")[1],
  );
}

/** The processes of a cluster. */
export interface ClusterPids {
  readonly controller: number;
  readonly agent: number;
  /** In the order of the engines' ids. */
  readonly engines: readonly number[];
  readonly all: readonly number[];
}

export async function pidsOf(client: Client): Promise<ClusterPids> {
  const { pid: controller, agents, engines: infos } = await client.status();
  const agent = agents[0]?.pid as number;
  const engines = infos.map(({ pid }) => pid);
  return { controller, agent, engines, all: [controller, agent, ...engines] };
}

/** Stops a process (as Ctrl-Z does), which takes the kernel a moment. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(() => processState(pid) === "T", `process ${pid} stopped`);
}

/**
 * The error that a promise rejects with in time, `timeout` being in milliseconds, on a machine with nothing else to do.
 * @throws Error when it resolves, or when nothing happens.
 */
export async function rejectionWithin(timeout: number, promise: PromiseLike<unknown>): Promise<Error> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const limit = PATIENCE * timeout;
    timer = setTimeout(() => reject(new Error(`nothing happened within ${limit} ms`)), limit);
  });
  const outcome = Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    const error = await Promise.race([outcome, late]);
    if (error instanceof Error) return error;
    throw new Error("the promise did not reject with an error");
  } finally {
    clearTimeout(timer);
  }
}

/** {@link rejectionWithin}, and the error must be the one of this library with that code. */
export async function failureWithin(
  timeout: number,
  promise: PromiseLike<unknown>,
  code: ParallelErrorCode,
): Promise<ParallelError> {
  const error = await rejectionWithin(timeout, promise);
  if (isParallelError(error, code)) return error;
  throw new Error(`expected a ${code}; got ${error.stack}`);
}

/** Where the clusters of a test live. */
export interface Sandbox {
  /** Where connection files go: `$NDPARALLEL_DIR` while the test runs. Does not exist at first. */
  readonly profileDir: string;
  /** Every living process that descends from the test, with its command line. */
  processes(): { readonly pid: number; readonly command: string }[];
}

/**
 * Gives every test (or all tests of the file together) a sandbox, and fails a test that leaves a process or a file
 * behind. What is left is killed and removed also when the test has failed.
 */
export function useSandbox(per: "test" | "file" = "test"): Sandbox {
  let root = "";
  let mark = "";
  const saved = { NDPARALLEL_DIR: process.env["NDPARALLEL_DIR"], TMPDIR: process.env["TMPDIR"] };
  const processes = (): { pid: number; command: string }[] => markedProcesses(mark);
  const open = (): void => {
    root = mkdtempSync(join(tmpdir(), "ndparallel-test-"));
    mark = randomUUID();
    mkdirSync(join(root, "tmp"));
    Object.assign(process.env, { NDPARALLEL_DIR: join(root, "profile"), TMPDIR: join(root, "tmp"), [MARK]: mark });
  };
  const close = async (hasFailed: boolean): Promise<void> => {
    await until(() => processes().length === 0, "every process ended", VANISH_MS).catch(() => undefined);
    const left = processes();
    const files = existsSync(root) ? readdirSync(root, { recursive: true }).map(String) : [];
    for (const { pid } of left) killIfAlive(pid);
    rmSync(root, { recursive: true, force: true });
    for (const [name, value] of Object.entries(saved)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    delete process.env[MARK];
    if (!hasFailed) expect({ left, files }).toEqual({ left: [], files: ["tmp"] });
  };
  if (per === "test") {
    beforeEach(open);
    afterEach(({ task }) => close(task.result?.state === "fail"));
  } else {
    beforeAll(open);
    afterAll(() => close(false));
  }
  return {
    get profileDir() {
      return join(root, "profile");
    },
    processes,
  };
}

/** A script of `fixtures/` that runs in a process of its own. */
export interface Script {
  readonly pid: number;
  readonly child: ChildProcess;
  /** The next line that it prints, parsed as JSON. */
  next<T>(): Promise<T>;
  /** How it ended. */
  readonly exit: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stderr: string;
  }>;
}

export function runScript(name: string, args: readonly string[] = []): Script {
  const path = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  const exit = new Promise<Awaited<Script["exit"]>>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal, stderr }));
  });
  const next = async <T>(): Promise<T> => {
    const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await until(() => lines.length > 0 || ended(), `${name} printed something`, 10_000);
    // What it printed last may come after the news of its end.
    if (lines.length === 0) await until(() => lines.length > 0, `${name} printed something: ${stderr}`, 500);
    return JSON.parse(lines.shift() as string) as T;
  };
  return { pid: child.pid as number, child, next, exit };
}

function markedProcesses(mark: string): { pid: number; command: string }[] {
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || !readProcess(pid, "environ")?.includes(`${MARK}=${mark}`) || !isAlive(pid)) return [];
    return [{ pid, command: readProcess(pid, "cmdline")?.replaceAll("\0", " ").trim() ?? "" }];
  });
}

function readProcess(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
