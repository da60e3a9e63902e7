import { basename } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { SerializationError } from "../../src/errors.ts";
import { closure } from "../../src/functions/closure.ts";
import { explain } from "../../src/functions/explain.ts";
import type { ExplainedName } from "../../src/functions/explanation.ts";
import { createSerializer } from "../../src/functions/serializer.ts";
import { triple } from "./fixtures/numbers.ts";

declare const onEngine: number;

const rate = 0.5;
const weights = new Float64Array(1000);
const large = new Float64Array(1_000_000);
const scale = (x: number): number => x * rate;
const root = Math.sqrt;

function find(names: readonly ExplainedName[], name: string): ExplainedName {
  const found = names.find((one) => one.name === name);
  if (!found) throw new Error(`${name} is not among ${names.map((one) => one.name).join(", ")}`);
  return found;
}

const train = (x: number): number =>
  scale(x) + (weights[0] ?? 0) + large.length + root(4) + basename("/a/b").length + triple(1) + onEngine + Math.PI;

describe("explain", () => {
  const { names, ...explanation } = explain(train);

  it("tells how each name gets to the engine, and what it is", () => {
    expect(find(names, "scale")).toMatchObject({ travelsAs: "value", what: "a function" });
    expect(find(names, "weights")).toMatchObject({ travelsAs: "value", what: "a Float64Array of 1000" });
    expect(find(names, "root")).toMatchObject({ travelsAs: "builtin", what: "Math.sqrt", bytes: 0 });
    expect(find(names, "basename")).toMatchObject({
      travelsAs: "import",
      what: '"basename" from "node:path"',
      bytes: 0,
    });
    expect(find(names, "onEngine")).toMatchObject({ travelsAs: "namespace", bytes: 0 });
    expect(find(names, "Math")).toMatchObject({ travelsAs: "builtin", bytes: 0 });
  });

  it("goes on inside of functions", () => {
    expect(find(find(names, "scale").names, "rate")).toMatchObject({ travelsAs: "value", what: "a number" });
  });

  it("gives sizes: of arrays what they hold and a little more, of the whole what is sent", () => {
    const { head, buffers } = createSerializer().serialize(train);
    expect(explanation.bytes).toBe(head.byteLength + buffers.reduce((sum, one) => sum + one.byteLength, 0));
    expect(find(names, "large").bytes).toBeGreaterThanOrEqual(8_000_000);
    expect(find(names, "large").bytes).toBeLessThan(8_000_100);
    expect(find(names, "weights").bytes).toBeGreaterThanOrEqual(8_000);
    expect(find(names, "weights").bytes).toBeLessThan(8_100);
    expect(find(find(names, "scale").names, "rate").bytes).toBe(9);
    expect(explanation.codeBytes).toBe(Buffer.byteLength(String(train)));
  });

  it("is printed as a table", () => {
    const text = String(explain(train));
    expect(inspect(explain(train))).toBe(text);
    const [title, ...rows] = text.split("\n");
    expect(title).toMatch(/^function "train" \(test\/functions\/explain\.test\.ts:\d+:\d+\): 8\d{3} kB would be sent$/);
    expect(rows).toContainEqual(expect.stringMatching(/^ {2}weights +value +8\d{3} B {2}a Float64Array of 1000$/));
    expect(rows).toContainEqual(expect.stringMatching(/^ {4}rate +value +9 B {2}a number$/));
    expect(rows).toContainEqual(expect.stringMatching(/^ {2}basename +import +"basename" from "node:path"$/));
  });

  it("explains what would be refused, too", () => {
    const context = { deep: new WeakMap() };
    const refused = explain(() => [context, rate]);
    expect(refused.refusal).toBeInstanceOf(SerializationError);
    expect(refused.bytes).toBeUndefined();
    expect(find(refused.names, "context").travelsAs).toBe("refused");
    expect(find(refused.names, "context").what).toContain("WeakMap");
    expect(find(refused.names, "rate")).toMatchObject({ travelsAs: "value", bytes: 9 });
    expect(String(refused)).toMatch(/: cannot be sent\n.*"context" → \.deep is a WeakMap/s);
    expect(explain(new Proxy(scale, {})).refusal?.message).toMatch(/Proxy/);
  });

  it("knows what was stated by hand", () => {
    expect(find(explain(closure(scale, { rate: "half" })).names, "rate")).toMatchObject({ what: "a string", bytes: 5 });
  });

  it("ends where functions lead back to one another", () => {
    const ping = (n: number): number => (n ? pong(n - 1) : 0);
    const pong = (n: number): number => (n ? ping(n - 1) : 1);
    expect(find(find(explain(ping).names, "pong").names, "ping")).toMatchObject({ travelsAs: "value", names: [] });
  });

  it("sees classes, with what they extend and their static fields", () => {
    class Base {}
    class Derived extends Base {
      static table = weights;
    }
    const inside = find(explain(() => Derived).names, "Derived").names;
    expect(find(inside, "(extends)")).toMatchObject({ what: "a class" });
    expect(find(inside, "Derived.table").bytes).toBeGreaterThanOrEqual(8_000);
  });

  it("takes functions only", () => {
    expect(() => explain(5 as never)).toThrow(new TypeError("explain: fn must be a function, not a number"));
  });
});
