import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { captureFunction } from "../../src/functions/capture.ts";
import { reviveFunction } from "../../src/functions/revive.ts";
import { createSerializer } from "../../src/functions/serializer.ts";
import { runFixture } from "./fixtures/run-fixture.ts";

interface Sent {
  readonly label: string;
  readonly head: string;
  readonly name: string;
  readonly length: number;
  readonly check?: string;
  readonly expected?: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: functions of every kind, called with whatever they take
type Callable = (...args: any[]) => unknown;

const receive = (head: string): unknown => createSerializer().deserialize(Buffer.from(head, "base64"), []);

async function collect(value: unknown): Promise<unknown> {
  const settled: unknown = await value;
  if (typeof settled !== "object" || settled === null) return settled;
  const isIterator = Symbol.asyncIterator in settled || typeof (settled as Iterator<unknown>).next === "function";
  if (!isIterator) return settled;
  const list: unknown[] = [];
  for await (const item of settled as AsyncIterable<unknown>) list.push(item);
  return list;
}

/** As the client printed it: `undefined` is left out there. */
const asJson = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

describe("functions of a client with modules of its own", () => {
  let sent: Sent[] = [];
  beforeAll(async () => {
    sent = await runFixture<Sent[]>("kinds.mjs");
  }, 30_000);

  it("give here what they give there, under the same name and with the same length", async () => {
    expect(sent.length).toBeGreaterThan(50);
    for (const { label, head, name, length, check, expected } of sent) {
      const [fn, args] = receive(head) as [Callable, unknown[]];
      expect(fn.name, `name of ${label}`).toBe(name);
      expect(fn.length, `length of ${label}`).toBe(length);
      // biome-ignore lint/security/noGlobalEval: the fixture says how its class is to be looked at
      const value = check === undefined ? await collect(fn(...args)) : (0, eval)(check)(fn);
      expect(asJson(value), label).toEqual(expected);
    }
  });
});

function roundTrip<F>(fn: F): F {
  const serializer = createSerializer();
  const { head, buffers } = serializer.serialize(fn);
  return serializer.deserialize(head, buffers) as F;
}

describe("round trips", () => {
  it("keep the kind", () => {
    const tagOf = (fn: unknown): string => Object.prototype.toString.call(fn);
    const samples = [() => {}, async () => {}, function* () {}, async function* () {}, class {}];
    for (const sample of samples) expect(tagOf(roundTrip(sample))).toBe(tagOf(sample));
    expect(() => roundTrip(class {} as unknown as () => void)()).toThrow(/without 'new'/);
    expect(() =>
      Reflect.construct(
        roundTrip(() => {}),
        [],
      ),
    ).toThrow(TypeError);
  });

  it("keep methods of any name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer(), (name, x) => {
        const methods: Record<string, (y: number) => number> = {
          [name](y) {
            return y + 1;
          },
        };
        const revived = roundTrip(methods[name] as Callable);
        expect(revived.name).toBe(name);
        expect(revived(x)).toBe(x + 1);
      }),
      { numRuns: 30 },
    );
  });

  it("keep what a function is bound to", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double(), fc.bigInt(), fc.string(), fc.boolean())), (bound) => {
        const collectAll = new Function("...rest", "return [this.tag, ...rest]") as Callable;
        const revived = roundTrip(collectAll.bind({ tag: "t" }, ...bound)) as Callable;
        expect(revived("last")).toEqual(["t", ...bound, "last"]);
        expect(revived.name).toBe("bound anonymous");
      }),
      { numRuns: 30 },
    );
  });

  it("leave large arrays that a function is bound to out of band, each as a buffer of its own", () => {
    const buffers = [new Uint8Array(1 << 20).fill(1), new Float64Array(1 << 17).fill(2)] as const;
    const describeAll = (n: number, a: Uint8Array, b: Float64Array, last: number): string =>
      [n, a.length, a[7], b.length, b[7], last].join();
    const serializer = createSerializer();
    const sent = serializer.serialize(describeAll.bind(null, 5, ...buffers));
    expect(sent.buffers.map(({ byteLength }) => byteLength)).toEqual([1 << 20, 1 << 20]);
    expect(sent.head.byteLength).toBeLessThan(4_096);
    const revived = serializer.deserialize(sent.head, sent.buffers) as Callable;
    expect(revived(10)).toBe(`5,${1 << 20},1,${1 << 17},2,10`);
  });

  it("send on what was received", () => {
    const revived = roundTrip((x: number) => Math.abs(x) + 1);
    const again = roundTrip(revived);
    expect(again(-2)).toBe(3);
    expect(captureFunction(again).head).toEqual(captureFunction(revived).head);
  });

  it("give each revived function variables of its own", () => {
    const head = { code: "() => ++count", name: "next", strict: true, cells: ["count"] };
    const body = { captures: { count: 0 } };
    const [first, second] = [reviveFunction(head, body), reviveFunction(head, body)];
    expect([first(), first(), second()]).toEqual([1, 2, 1]);
  });

  it("import from the directory they are given", async () => {
    const load = new Function("return async (name) => (await import(`./fixtures/${name}.mjs`)).tag")() as Callable;
    const { head } = captureFunction(load);
    expect(head).not.toHaveProperty("from");
    await expect(reviveFunction({ ...head, from: import.meta.dirname })("tagged")).resolves.toBe("found");
    const elsewhere = reviveFunction({ ...head, from: "/no/such/directory" })("tagged");
    await expect(elsewhere).rejects.toThrow(`working directory, ${process.cwd()}`);
  });

  it("import what vite has turned into a path from the project's root", async () => {
    const load = (): Promise<{ tag: string }> => import("./fixtures/tagged.mjs" as string);
    expect(captureFunction(load).head.code).toContain("__vite_ssr_dynamic_import__");
    expect(await roundTrip(load)()).toMatchObject({ tag: "found" });
  });

  it("say so in the language of the engine when the text is broken", () => {
    expect(() => reviveFunction({ code: "(x) =>", name: "", strict: true })).toThrow(SyntaxError);
  });
});
