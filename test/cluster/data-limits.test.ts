/** Processes that may open hardly any more files, or make large ones, or have hardly any addresses left: arrays take another way, or fail well. */

import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { runScript, useSandbox } from "./processes.ts";

useSandbox();

const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;
const reason = hasPrlimit ? "" : " (needs the program prlimit, of util-linux)";

/** What became of each step. */
interface Outcomes {
  readonly sent: string;
  readonly kept: string;
  readonly returned: string;
  readonly gathered: string;
  readonly after: string;
  readonly alive: number[];
}

async function outcomesOf(who: string, what: string): Promise<Outcomes> {
  const script = runScript("tight.mjs", [who, what]);
  const { code, stderr } = await script.exit;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return script.next<Outcomes>();
}

test.skipIf(!hasPrlimit).each([
  ["client", "nofile"],
  ["engine", "nofile"],
  ["client", "fsize"],
  ["engine", "fsize"],
])(
  `%s that may not open files, or make large ones (%s): all arrays arrive${reason}`,
  { timeout: 120_000 },
  async (who, what) => {
    const right = { sent: "right", kept: "right", returned: "right", gathered: "right", after: "right" };
    expect(await outcomesOf(who, what)).toEqual({ ...right, alive: [0, 1] });
  },
);

test.skipIf(!hasPrlimit)(
  `an engine without addresses: arrays arrive, or say that there is no memory${reason}`,
  { timeout: 120_000 },
  async () => {
    const { alive, after, ...limited } = await outcomesOf("engine", "as");
    for (const [step, outcome] of Object.entries(limited)) {
      expect(outcome, step).toMatch(/^(right$|SerializationError .*there is no memory|RemoteError|EngineError)/);
    }
    expect(alive).toContain(1);
    // V8 ends a process when it finds no addresses for its own heap.
    if (alive.includes(0)) expect(after).toBe("right");
  },
);
