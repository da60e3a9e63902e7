import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeDatabaseFile, removeClusterFiles } from "../../src/channel/cluster-files.ts";

function connectionFile(): string {
  const directory = mkdtempSync(join(tmpdir(), "ndparallel-files-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "clusters", "one.json");
}

test("a place for the task database is made also where another cluster took the directory away, and then stays", () => {
  const file = connectionFile();
  const directory = join(file, "..");
  expect(makeDatabaseFile(file)).toBe(join(directory, "one.sqlite"));
  removeClusterFiles(join(directory, "another.json"));
  expect(readdirSync(directory)).toEqual(["one.sqlite"]);
  removeClusterFiles(file);
  expect(existsSync(directory)).toBe(false);
});

test("a directory that was there before is left if that is asked", () => {
  const file = connectionFile();
  makeDatabaseFile(file);
  removeClusterFiles(file, false);
  expect(readdirSync(join(file, ".."))).toEqual([]);
  rmdirSync(join(file, ".."));
});
