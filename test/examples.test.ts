/**
 * Every example, a numbered file of examples/, runs in its quick form to a good end. Those that need TensorFlow.js run
 * with the tests of tensors, and here only say what to install.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { root, runTypeScript } from "./run-typescript.ts";

const timeoutMs = 120_000;
const folder = path.join(root, "examples");
const files = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => /^\d+-.*\.ts$/.test(name))
      .sort()
  : [];

describe("examples", () => {
  it("are numbered without gaps and without doubles", () => {
    const numbers = files.map((name) => name.split("-")[0]);
    expect(numbers).toEqual(files.map((_, index) => String(index + 1).padStart(2, "0")));
  });

  const needsTensorFlow = (file: string): boolean =>
    readFileSync(path.join(folder, file), "utf8").includes("./tensorflow.ts");

  it.each(files.filter(needsTensorFlow))("%s says what to install", { timeout: timeoutMs + 5_000 }, async (file) => {
    if (isInstalled("@tensorflow/tfjs-core")) return;
    const end = await runTypeScript(path.join("examples", file), timeoutMs);
    expect(end, end.output).toMatchObject({ code: 1 });
    expect(end.output).toContain("npm install --no-save @tensorflow/tfjs-core@4.22.0");
  });

  it.each(files.filter((file) => !needsTensorFlow(file)))("%s", { timeout: timeoutMs + 5_000 }, async (file) => {
    const end = await runTypeScript(path.join("examples", file), timeoutMs, { NDPARALLEL_EXAMPLE_QUICK: "1" });
    expect(end, end.output).toMatchObject({ code: 0, signal: null });
  });
});

function isInstalled(specifier: string): boolean {
  try {
    createRequire(path.join(root, "package.json")).resolve(specifier);
    return true;
  } catch {
    return false;
  }
}
