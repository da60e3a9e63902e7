/** A client that has a WebGPU device of its own: raw buffers between processes, and TensorFlow.js on that device. */

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../run-typescript.ts";
import { folder, isInstalled, softwareGpu } from "./installed-libraries.ts";

const COUNTING = [0, 1, 2, 3, 4, 5, 6, 7];

describe.skipIf(!isInstalled)("a client on a software driver", () => {
  let found: Record<string, unknown> = {};

  beforeAll(async () => {
    const program = path.join(import.meta.dirname, "programs", "gpu-client.mjs");
    const tensors = path.join(root, "dist", "tensors", "index.js");
    const env = { ...process.env, ...softwareGpu() };
    const { stdout } = await promisify(execFile)(process.execPath, [program, tensors], { cwd: folder, env });
    found = JSON.parse(stdout.split("\n").findLast((line) => line.startsWith("{")) ?? "{}");
  }, 120_000);

  test("raw buffers are sent, computed with by a shader, and come back", () => {
    expect(found["raw"]).toEqual(["float32", [4, 2], COUNTING.map((value) => 2 * value)]);
  });

  test("raw buffers are scattered and gathered, along either axis", () => {
    const part = [[2, 2], "float32"];
    expect(found["parts"]).toEqual([part, part]);
    expect(found["gathered"]).toEqual(COUNTING);
    const column = [[4, 1], "float32"];
    expect(found["columns"]).toEqual([[column, column], COUNTING]);
  });

  test("a raw buffer that stays on its engine moves to another one", () => {
    expect(found["kept"]).toEqual(["float32", [4, 2], COUNTING.map((value) => 4 * value)]);
  });

  test("tensors that only the client's device has go to direct and to load-balanced views", () => {
    expect(found["onDevice"]).toBe(true);
    expect(found["direct"]).toEqual([90_000]);
    expect(found["balanced"]).toEqual([120_000]);
    expect(found["map"]).toEqual([[5], [600, 600, 600, 600, 600]]);
    expect(found["chunks"]).toEqual([[5], [600, 600, 600, 600, 600]]);
    expect(found["arrives"]).toBe("webgpu");
  });
});
