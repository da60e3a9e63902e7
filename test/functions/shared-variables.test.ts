/** Variables of a module that functions assign to: those that travel together share them. */

import { describe, expect, it } from "vitest";
import type { SerializationError } from "../../src/errors.ts";
import { explain } from "../../src/functions/explain.ts";
import { createSerializer } from "../../src/functions/serializer.ts";
import type { AnyFunction } from "../../src/functions/wire.ts";

let seed = 1;
let settings = { rate: 1 };
let callback = (x: number): number => x;
const untouched = 5; // stays as it is
let first = 0;
let rest: number[] = [];
const constant = 7;

let mode = 0;
function modeOf(): number {
  return mode;
}
function setMode(value: number): void {
  mode = value;
}
function setSeed(value: number): void {
  seed = value;
}
function random(): number {
  seed = (seed * 16_807) % 2_147_483_647;
  return seed;
}
function every(): unknown[] {
  [first, ...rest] = [seed, seed + 1, seed + 2];
  ({ first = 3 } = { first } as { first?: number });
  for (first of [1, 2]) rest.push(first++);
  seed += 1;
  const record = { seed, first, rest };
  callback = (x: number): number => x * seed;
  settings = { ...settings, rate: settings.rate + 1 };
  const inner = (): number => {
    const shadow = ((seed: number): number => seed)(9);
    return shadow + seed;
  };
  return [record, callback(2), callback?.(3), `${seed}`, typeof seed, settings.rate, inner(), constant, untouched];
}
const counters: (() => number)[] = [];
for (let i = 0; i < 2; i++) counters.push(() => (i += 1));
let handle: { deep: symbol } | undefined = { deep: Symbol("s") };
function dropHandle(): void {
  handle = undefined;
}
class Counter {
  count(): number {
    return seed++;
  }
  static made = 1;
}
const methods = {
  next(): number {
    return ++seed;
  },
};

function roundTrip<F>(fns: F): F {
  const serializer = createSerializer();
  const { head, buffers } = serializer.serialize(fns);
  return serializer.deserialize(head, buffers) as F;
}

describe("functions that travel in one message", () => {
  it("share the variables of their module that one of them assigns to", () => {
    const [set, next] = roundTrip([setSeed, random] as const);
    set(5);
    expect(next()).toBe((5 * 16_807) % 2_147_483_647);
    expect(seed).toBe(1);
    const run = roundTrip((start: number) => {
      setSeed(start);
      return [random(), random(), seed];
    });
    const one = (3 * 16_807) % 2_147_483_647;
    const two = (one * 16_807) % 2_147_483_647;
    expect(run(3)).toEqual([one, two, two]);
  });

  it("share them also if it shows late that they do, and in whatever order they are met", () => {
    let late = 1;
    const read = (): number => late;
    const write = (value: number): void => {
      late = value;
    };
    write(2);
    // This one is of a function, so each has its own.
    const [readLate, writeLate] = roundTrip([read, write] as const);
    writeLate(5);
    expect(readLate()).toBe(2);
    const { deep, set } = roundTrip({ deep: [{ get: (): number => modeOf() }], set: setMode });
    set(7);
    expect(deep[0]?.get()).toBe(7);
    const again = roundTrip([modeOf, setMode] as const);
    again[1](8);
    expect(again[0]()).toBe(8);
  });

  it("do not share the variables of a loop", () => {
    const [one, two] = roundTrip(counters.slice(0, 2));
    expect([one?.(), one?.(), two?.()]).toEqual([1, 2, 2]);
  });

  it("do not share them with those of another message, and have the values of the moment", () => {
    const a = roundTrip([setSeed, random] as const);
    const b = roundTrip([setSeed, random] as const);
    a[0](100);
    expect(b[1]()).toBe(16_807);
    setSeed(2);
    const c = roundTrip(random);
    setSeed(1);
    expect(c()).toBe(2 * 16_807);
    expect(roundTrip(random)()).toBe(16_807);
  });

  it("give what they give at home, however they use the variable", () => {
    const there = roundTrip(every)();
    expect([seed, first, rest, settings]).toEqual([1, 0, [], { rate: 1 }]);
    const here = every();
    setSeed(1);
    expect(there).toEqual(here);
  });

  it("may be classes and methods, and may travel on", () => {
    const [Class, next, set] = roundTrip(roundTrip([Counter, methods.next, setSeed] as const));
    set(10);
    expect([new Class().count(), next(), new Class().count(), Class.made]).toEqual([10, 12, 12, 1]);
  });

  it("are refused as ever", () => {
    const refused = (fn: AnyFunction): string => {
      try {
        roundTrip(fn);
      } catch (error) {
        return (error as SerializationError).message;
      }
      return "";
    };
    expect(refused(dropHandle)).toMatch(/captured variable "handle" → \.deep is a symbol/);
    expect(refused(() => handle?.deep)).toMatch(/captured variable "handle" → \.deep is a symbol/);
  });

  it("are explained as ever", () => {
    expect(explain(random).names).toMatchObject([{ name: "seed", travelsAs: "value", what: "a number" }]);
    expect(String(explain((() => constant + untouched) as AnyFunction))).toMatch(
      /constant +value .*\n +untouched +value/,
    );
  });
});
