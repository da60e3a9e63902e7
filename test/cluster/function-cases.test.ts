/** The cases of `test/functions/cases`, run by plain Node, with the engine in another working directory. */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

interface Found {
  readonly name: string;
  readonly got: string;
  readonly expected: string;
}

test("functions give on an engine elsewhere what they give where they were written", async () => {
  const engineFolder = await mkdtemp(path.join(tmpdir(), "ndparallel-cases-"));
  try {
    const program = path.join(import.meta.dirname, "../functions/cases/program.mjs");
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, engineFolder]);
    expect(stderr).toBe("");
    const found = JSON.parse(stdout) as Found[];
    expect(found.length).toBeGreaterThanOrEqual(62);
    const show = ({ name, got }: Found): string => `${name}: ${got}`;
    expect(found.map(show)).toEqual(found.map(({ name, expected }) => show({ name, got: expected, expected })));
  } finally {
    await rm(engineFolder, { recursive: true });
  }
}, 60_000);
