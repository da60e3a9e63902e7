/** The command line as a user types it: a cluster that outlives scripts, what is shown of it, and its end. */

import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client } from "ndparallel";
import { describe, expect, test } from "vitest";
import { gone, isAlive, until, useSandbox } from "./processes.ts";

const sandbox = useSandbox();

const root = fileURLToPath(new URL("../../", import.meta.url));
const main = join(root, "dist", "cli", "main.js");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code as number), stdout, stderr });
    });
  });
}

const ndparallel = (...args: string[]): Promise<Ended> => run(main, args);

/** A command that stays, with the lines that it prints. */
function stays(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, lines, exit };
}

describe("start --detach", () => {
  test("two scripts one after another use the same namespace; status; stop; nothing is left", {
    timeout: 60_000,
  }, async () => {
    const started = await ndparallel("start", "--engines", "2", "--cluster-id", "shared", "--detach");
    expect(started).toMatchObject({ code: 0, stderr: "" });
    expect(started.stdout).toMatch(
      /^cluster shared is running with 2 engines; connection file: .*cluster-shared\.json\n$/,
    );
    const scripts = { first: "await all.push({ step: 5 });", second: "console.log((await all.pull('step')).join());" };
    mkdirSync(join(root, "test", ".tmp"), { recursive: true });
    const directory = mkdtempSync(join(root, "test", ".tmp", "cli-"));
    const outputs: Ended[] = [];
    for (const [name, code] of Object.entries(scripts)) {
      const file = join(directory, `${name}.mjs`);
      const lines = [
        'import { Client } from "ndparallel";',
        'const rc = await Client.connect({ clusterId: "shared" });',
        "const all = rc.view();",
        code,
        "rc.close();",
      ];
      writeFileSync(file, lines.join("\n"));
      outputs.push(await run(file, []));
    }
    rmSync(directory, { recursive: true });
    expect(outputs).toEqual([
      { code: 0, stdout: "", stderr: "" },
      { code: 0, stdout: "5,5\n", stderr: "" },
    ]);

    const status = await ndparallel("status");
    expect(status.stdout).toMatch(/^cluster shared: controller \d+ \(\d+ MiB\)/);
    expect(status.stdout).toMatch(/\n +0 +\d+ .* \d+ MiB\n +1 +\d+ /);
    const state = JSON.parse((await ndparallel("status", "shared", "--json")).stdout);
    expect(state.engines).toMatchObject([
      { engineId: 0, queue: 0, running: 0, completed: 2 },
      { engineId: 1, queue: 0, running: 0, completed: 2 },
    ]);
    expect(state.engines[0].memory).toBeGreaterThan(10 * 2 ** 20);
    const processes = sandbox.processes().map(({ pid }) => pid);
    expect(processes).toHaveLength(5);

    const stopped = await ndparallel("stop");
    expect(stopped).toEqual({ code: 0, stdout: "cluster shared has ended\n", stderr: "" });
    await gone(processes, 3_000);
    expect(await ndparallel("status")).toMatchObject({ code: 11, stderr: "ndparallel: no cluster is running\n" });
    expect((await ndparallel("stop", "shared")).code).toBe(11);
  });

  test("the id of a running cluster is refused with exit code 10; what is listed is what runs", async () => {
    expect((await ndparallel("start", "-n", "0", "--cluster-id", "one", "-d")).code).toBe(0);
    const again = await ndparallel("start", "-n", "0", "--cluster-id", "one", "-d");
    expect(again).toMatchObject({ code: 10, stdout: "" });
    expect(again.stderr).toContain('"one" belongs to a running cluster');
    expect((await ndparallel("start", "-n", "0", "--cluster-id", "two", "-d", "--json")).stdout).toMatch(
      /"clusterId": "two"/,
    );
    const listed = JSON.parse((await ndparallel("list", "--json")).stdout) as { clusterId: string }[];
    expect(listed.map(({ clusterId }) => clusterId).sort()).toEqual(["one", "two"]);
    expect((await ndparallel("list")).stdout).toMatch(/^cluster +controller +age +connection file\none /);
    expect(await ndparallel("status")).toMatchObject({ code: 2, stderr: expect.stringContaining("one, two") });
    expect((await ndparallel("stop", "--all")).code).toBe(0);
    expect((await ndparallel("list")).stdout).toBe("no cluster is running\n");
  });

  test("when its process is killed the cluster ends, too", async () => {
    const started = JSON.parse((await ndparallel("start", "-n", "1", "-d", "--json")).stdout) as { file: string };
    const keeper = sandbox.processes().find(({ command }) => command.includes("cli/main.js"));
    const all = sandbox.processes().map(({ pid }) => pid);
    process.kill(keeper?.pid as number, "SIGKILL");
    await gone(all, 5_000);
    expect(() => readFileSync(started.file)).toThrow(/ENOENT/);
  });
});

describe("devices", () => {
  test("are given to engines and shown, or refused before anything starts", async () => {
    const refused = await ndparallel("start", "-n", "1", "--devices", "cpu,abacus", "-d");
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/--devices: devices\[1\].*cuda.*abacus/) });
    expect((await ndparallel("start", "-n", "2", "--devices", "cpu", "-d", "--cluster-id", "d")).code).toBe(0);
    expect((await ndparallel("status")).stdout).toMatch(/\n +0 +\d+ +\S+ +set-1 +cpu × 0\.5 +0 +0 +0 /);
    const { engines } = JSON.parse((await ndparallel("status", "--json")).stdout);
    expect(engines).toMatchObject([{ device: { kind: "cpu" } }, { device: { kind: "cpu" } }]);
    expect((await ndparallel("stop", "d")).code).toBe(0);
  });
});

describe("start in the foreground", () => {
  test("lives until Ctrl-C, and then ends with everything", async () => {
    const { child, lines, exit } = stays("start", "--engines", "1", "--env", "COLOR=red=ish");
    await until(() => lines.length > 0, "the cluster started", 15_000);
    const clusterId = /^cluster (\S+) is running with 1 engines/.exec(lines[0] as string)?.[1] as string;
    const rc = await Client.connect({ clusterId });
    expect(await rc.at(0).apply(() => process.env["COLOR"])).toBe("red=ish");
    rc.close();
    const all = sandbox.processes().map(({ pid }) => pid);
    child.kill("SIGINT");
    expect(await exit).toBe(0);
    await gone(all, 3_000);
  });
});

describe("engines and history", () => {
  test("engines are added and stopped by set, tasks are listed", { timeout: 60_000 }, async () => {
    await ndparallel("start", "-n", "1", "--cluster-id", "work", "-d");
    const more = JSON.parse((await ndparallel("engines", "work", "--add", "1", "--json")).stdout);
    expect(more).toMatchObject([{ engineId: 0 }, { engineId: 1 }]);
    const left = JSON.parse((await ndparallel("engines", "--stop", more[1].engineSet, "--json")).stdout);
    expect(left).toMatchObject([{ engineId: 0 }]);
    const rc = await Client.connect({ clusterId: "work" });
    await rc
      .at(0)
      .with({ label: "first" })
      .apply(() => 1);
    await rc.at(0).with({ label: "second" }).execute("throw new Error('no luck')").wait();
    rc.close();
    const tasks = JSON.parse((await ndparallel("history", "--json")).stdout);
    expect(tasks).toMatchObject([
      { label: "first", status: "ok", operation: "apply", engineId: 0 },
      { label: "second", status: "error", operation: "execute", error: "no luck" },
    ]);
    const failed = await ndparallel("history", "--status", "error", "--label", "sec*", "--limit", "1");
    expect(failed.stdout).toMatch(/^task +engine +what +label.*\n\S+-1 +0 +execute +second .* error +\d+\n$/);
    await ndparallel("stop");
  });

  test("what is printed may be cut off by its reader", async () => {
    expect(await ndparallel("start", "--engines", "1", "--cluster-id", "cut", "--detach")).toMatchObject({ code: 0 });
    const child = spawn(process.execPath, [main, "status", "--watch"], { stdio: ["ignore", "pipe", "pipe"] });
    const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.destroy();
    // As a shell says it of a program that SIGPIPE has ended.
    expect([await exit, stderr]).toEqual([141, ""]);
    expect(await ndparallel("stop")).toMatchObject({ code: 0 });
  });

  test("status --watch goes on until the cluster ends", async () => {
    await ndparallel("start", "-n", "0", "--cluster-id", "watched", "-d");
    const { lines, exit } = stays("status", "--watch", "--interval", "20", "--json");
    await until(() => lines.filter((line) => line.includes('"clusterId"')).length > 2, "it was shown again");
    await ndparallel("stop");
    expect(await exit).toBe(0);
  });
});

describe("clean", () => {
  test("removes what dead clusters left, and nothing else", async () => {
    await ndparallel("start", "-n", "0", "--cluster-id", "alive", "-d");
    const info = JSON.parse(readFileSync(join(sandbox.profileDir, "cluster-alive.json"), "utf8"));
    const dead = join(sandbox.profileDir, "cluster-dead.json");
    writeFileSync(dead, JSON.stringify({ ...info, clusterId: "dead", port: 1 }), { mode: 0o600 });
    expect(JSON.parse((await ndparallel("clean", "--json")).stdout)).toEqual([dead]);
    expect((await ndparallel("clean")).stdout).toBe("nothing to remove\n");
    expect(isAlive(info.controllerPid)).toBe(true);
    await ndparallel("stop", "alive");
  });
});

describe("help and bad arguments", () => {
  test("help names every command and option, and ends well", async () => {
    const { code, stdout } = await ndparallel("--help");
    expect(code).toBe(0);
    for (const name of ["start", "status", "list", "engines", "history", "stop", "clean"]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    }
    expect((await ndparallel("start", "--help")).stdout).toMatch(/-n, --engines <number> /);
    expect((await ndparallel("help", "status")).stdout).toMatch(/--watch/);
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect((await ndparallel("--version")).stdout).toBe(`${version}\n`);
  });

  test.each<[string[], RegExp]>([
    [["strat"], /no command "strat".*start/],
    [["start", "--colour"], /--colour/],
    [["start", "--engines", "many"], /--engines must be a whole number/],
    [["start", "--engines", "-1"], /engines/],
    [["start", "--env", "novalue"], /name=value/],
    [["start", "-d", "--cluster-id", "../x", "-n", "0"], /clusterId must be/],
    [["status", "a", "b"], /unexpected argument "b"/],
  ])("%j ends with exit code 2 and says why", async (args, message) => {
    const { code, stdout, stderr } = await ndparallel(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });
});
