/** Engines that are killed, stopped and continued at random: every result is right, none is missing, no process is left. */

import { expect, it } from "vitest";
import { chaos } from "../../benchmarks/lib/chaos.ts";
import { useSandbox } from "./processes.ts";

useSandbox();

it("every task comes to its right end, whatever dies", { timeout: 180_000 }, async () => {
  const report = await chaos({ seed: 20, tasks: 1_500, duration: 15_000, engines: 3 });
  expect(report.errors).toEqual([]);
  expect([report.right, report.wrong]).toEqual([1_500, 0]);
  expect(report.left).toEqual([]);
  expect(report.killed).toBeGreaterThan(2);
  expect(report.stopped).toBeGreaterThan(2);
});
