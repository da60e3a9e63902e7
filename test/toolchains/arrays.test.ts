/** The tests of arrays on other versions of Node, of which 26 has immutable memory, and without the package koffi. */

import path from "node:path";
import { describe, expect, test } from "vitest";
import { runInRepository } from "./program.ts";
import { nodeOrSkip, toolOrSkip } from "./tools.ts";

const some = ["arrays", "write-detection"].map((name) => `test/cluster/${name}.test.ts`);
const onAllWays = ["kinds", "owners", "sends", "ways"].map((name) => `test/cluster/data-${name}.test.ts`);
const files = ["test/ndarray-transport", ...onAllWays, ...some];
/** What of the array transport concerns the memory that arrays lie in. */
const onMemory = ["copy-on-write", "readonly", "serializer-arrays", "shared", "write-guard", "segments/"];

describe("the tests of arrays", () => {
  const others = [20, 22, 24, 26].filter((major) => !process.versions.node.startsWith(`${major}.`));

  test.for(others)("on Node %s", async (major, context) => {
    const vitest = toolOrSkip(context, "vitest/vitest.mjs");
    // The versions between are as 20 is. What arrives by way of a relay lies in the same memory as what comes directly.
    const chosen = major >= 26 ? [...files, "-t", "^(?!relay|auto)"] : some;
    const { code, output } = await runInRepository([nodeOrSkip(context, major), vitest, "run", ...chosen]);
    expect(code, output).toBe(0);
  });

  test("without koffi: all but those of shared memory", async (context) => {
    const vitest = toolOrSkip(context, "vitest/vitest.mjs");
    const hidden = path.join(import.meta.dirname, "fixtures", "without-koffi.cjs");
    // Writes to what was pushed are found at some later time there. A relay hands on what either end makes of it.
    const others = "^(?!relay|.*(shared|are noticed at any depth))";
    // That everything goes by the other ways, too, is what data-ways shows with koffi.
    const command = [
      process.execPath,
      vitest,
      "run",
      ...onMemory.map((name) => `test/ndarray-transport/${name}`),
      ...[...onAllWays, ...some].filter((file) => !file.includes("data-ways")),
      "-t",
      others,
    ] as const;
    const env = { NODE_OPTIONS: `--require=${hidden}` };
    const { code, output } = await runInRepository([...command], env);
    expect(code, output).toBe(0);
  });
});
