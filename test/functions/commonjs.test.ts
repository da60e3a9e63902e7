import { createRequire, Module } from "node:module";
import { describe, expect, it } from "vitest";
import { createSerializer } from "../../src/functions/serializer.ts";

function roundTrip<F>(fn: F): F {
  const serializer = createSerializer();
  const { head, buffers } = serializer.serialize(fn);
  return serializer.deserialize(head, buffers) as F;
}

describe("what CommonJS modules have", () => {
  it("require travels under any name, and finds what is installed where it came from", () => {
    const load = createRequire(import.meta.url);
    const revived = roundTrip(() => [load("node:path").sep, typeof load("acorn").parse, typeof load.resolve("acorn")]);
    expect(revived()).toEqual(["/", "function", "string"]);
  });

  it("module travels with what it exports, which may refer to it", () => {
    const counter = new Module("counter");
    counter.exports = { step: 2, next: (x: number) => x + counter.exports.step };
    const revived = roundTrip((x: number) => [counter.exports.next(x), counter.id]);
    expect(revived(1)).toEqual([3, "counter"]);
    counter.exports.step = 10;
    expect(revived(1)).toEqual([3, "counter"]);
  });
});
