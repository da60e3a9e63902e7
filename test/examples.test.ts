/** Every example, a numbered file of examples/, runs in its quick form to a good end. */
import { existsSync, readdirSync } from "node:fs";
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

  it.each(files)("%s", { timeout: timeoutMs + 5_000 }, async (file) => {
    const end = await runTypeScript(path.join("examples", file), timeoutMs, { NDPARALLEL_EXAMPLE_QUICK: "1" });
    expect(end, end.output).toMatchObject({ code: 0, signal: null });
  });
});
