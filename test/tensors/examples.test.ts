/** The examples with tensors, on small sizes. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root, runTypeScript } from "../run-typescript.ts";
import { folder, isInstalled } from "./libraries.ts";

const TIMEOUT_MS = 150_000;
const QUICK = { NDPARALLEL_EXAMPLE_QUICK: "1" };

const run = (file: string, parameters: string[] = []): ReturnType<typeof runTypeScript> =>
  runTypeScript(path.join(root, "examples", file), TIMEOUT_MS, QUICK, { parameters, cwd: folder });

describe.skipIf(!isInstalled)("examples", () => {
  test(
    "training: the network learns, no tensor is left behind, and the loss of every step is drawn",
    async () => {
      const place = mkdtempSync(path.join(os.tmpdir(), "ndparallel-loss-"));
      const picture = path.join(place, "loss.svg");
      try {
        const end = await run("03-train-digits.ts", [picture]);
        expect(end, end.output).toMatchObject({ code: 0 });
        // The six weights, and nothing of 48 steps.
        expect(end.output).toMatch(/tensors on engines +6(, 6)*\n/);
        const [points = ""] = /(?<=<polyline points=")[^"]*/.exec(readFileSync(picture, "utf8")) ?? [];
        expect(points.split(" ")).toHaveLength(48);
      } finally {
        rmSync(place, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );

  test(
    "inference: the features stay on the engines",
    async () => {
      const end = await run("04-inference.ts");
      expect(end, end.output).toMatchObject({ code: 0 });
      expect(end.output).toMatch(/features +\[2700, 576\] float32, 6 MB, kept on engines 0/);
    },
    TIMEOUT_MS,
  );
});
