/** The types of calls on direct views. */
import { AsyncResult, type Client, type DirectView, type NdArray, type RemoteRef, ref } from "ndparallel";
import { type Equal, expectType } from "../equal.ts";

declare const rc: Client;
declare const ids: number[];
declare const some: number | number[];

// The shape follows from the targets.
expectType<Equal<ReturnType<typeof rc.at>, DirectView<"one", false>>>();
expectType<Equal<ReturnType<typeof rc.slice>, DirectView<"many", false>>>();
const all = rc.view();
const lazy = rc.view("all");
const one = rc.view(3);
const listed = rc.view([3]);
const given = rc.view(ids);
expectType<Equal<typeof all, DirectView<"many", false>>>();
expectType<Equal<typeof lazy, DirectView<"many", false>>>();
expectType<Equal<typeof one, DirectView<"one", false>>>();
expectType<Equal<typeof listed, DirectView<"many", false>>>();
expectType<Equal<typeof given, DirectView<"many", false>>>();
// @ts-expect-error no target
rc.view("some");
// @ts-expect-error no target
rc.view(["0"]);
// @ts-expect-error no index
rc.at("0");

// apply checks the arguments, and unwraps promises.
const bare = one.apply((x: number, y: string) => `${x}${y}`, 1, "a");
expectType<Equal<typeof bare, AsyncResult<string>>>();
const several = all.apply(async (x: number) => x, 1);
expectType<Equal<typeof several, AsyncResult<number[]>>>();
const awaited = await all.apply(() => new Float32Array(1));
expectType<Equal<typeof awaited, Float32Array<ArrayBuffer>[]>>();
// @ts-expect-error an argument is missing
all.apply((x: number) => x);
// @ts-expect-error an argument of the wrong type
all.apply((x: number) => x, "1");
// @ts-expect-error one argument too many
all.apply((x: number) => x, 1, 2);
// @ts-expect-error no function
all.apply(5);
all.apply(ref("f"), 1, "anything");
all.apply((x: number) => x, ref("x"));

// Flags.
const blocking = all.with({ block: true });
expectType<Equal<typeof blocking, DirectView<"many", true>>>();
const promise = blocking.apply((x: number) => x, 1);
expectType<Equal<typeof promise, Promise<number[]>>>();
const unblocked = blocking.with({ block: false });
expectType<Equal<typeof unblocked, DirectView<"many", false>>>();
const narrowed = all.with({ targets: 0, track: true, label: "epoch" });
expectType<Equal<typeof narrowed, DirectView<"one", false>>>();
const widened = one.with({ targets: [0, 1] });
expectType<Equal<typeof widened, DirectView<"many", false>>>();
const keeping = all.with({ keep: true });
expectType<Equal<typeof keeping, DirectView<"many", false, true>>>();
const kept = keeping.apply(() => 1);
expectType<Equal<typeof kept, AsyncResult<RemoteRef<number[]>>>>();
const keptMap = keeping.with({ block: true }).map((x: number) => x, new Float64Array(2));
expectType<Equal<typeof keptMap, Promise<RemoteRef<Float64Array<ArrayBuffer>>>>>();
declare const keptNumber: RemoteRef<number>;
all.apply((x: number) => x, keptNumber);
// @ts-expect-error a kept number is no string
all.apply((x: string) => x, keptNumber);
const mappedAgain = all.map((x: number) => x, await keptMap);
expectType<Equal<typeof mappedAgain, AsyncResult<Float64Array<ArrayBuffer>>>>();
const bareKept = rc
  .loadBalancedView()
  .with({ keep: true })
  .apply(() => "a");
expectType<Equal<typeof bareKept, AsyncResult<RemoteRef<string>>>>();
const blockingAsync = blocking.applyAsync(() => 1);
expectType<Equal<typeof blockingAsync, AsyncResult<number[]>>>();
const sync = all.applySync(() => 1);
expectType<Equal<typeof sync, Promise<number[]>>>();
// @ts-expect-error an unknown flag
all.with({ blok: true });
// @ts-expect-error a flag of the wrong type
all.with({ block: 1 });
// @ts-expect-error flags do not change
all.block = true;

// What goes into a map decides what comes out.
const mapped = all.map((x) => `${x}`, [1, 2]);
expectType<Equal<typeof mapped, AsyncResult<string[]>>>();
const typed = all.map((x) => 2 * x, new Int16Array(2));
expectType<Equal<typeof typed, AsyncResult<Int16Array<ArrayBuffer>>>>();
const bigs = all.map((x) => x + 1n, new BigInt64Array(2));
expectType<Equal<typeof bigs, AsyncResult<BigInt64Array<ArrayBuffer>>>>();
declare const matrix: NdArray;
const stacked = all.map((row: NdArray) => row.get(0), matrix);
expectType<Equal<typeof stacked, AsyncResult<NdArray>>>();
const zipped = all.map((x: number, y: string, z: number) => [x, y, z], new Set([1]), "abc", new Float32Array(3));
expectType<Equal<typeof zipped, AsyncResult<(string | number)[][]>>>();
// @ts-expect-error the items are numbers
all.map((x: string) => x, [1]);
// @ts-expect-error a number is no sequence
all.map((x: number) => x, 5);
// @ts-expect-error there is no sequence
all.map((x: number) => x);

// reduce.
const sum = all.reduce((a, b) => a + b, [1, 2], 0);
expectType<Equal<typeof sum, AsyncResult<number>>>();
const longest = blocking.reduce(async (a, b) => (a.length > b.length ? a : b), new Set(["a"]));
expectType<Equal<typeof longest, Promise<string>>>();
// @ts-expect-error the initial value is no number
all.reduce((a, b) => a + b, [1, 2], "0");

// Namespaces: what lies there is not known to the compiler, that there is one for each engine is.
const pulledMany = await all.pull("x");
// biome-ignore lint/suspicious/noExplicitAny: that is what is expected
expectType<Equal<typeof pulledMany, any[]>>();
const pushed = one.push({ a: 1, "b.c": 2 });
expectType<Equal<typeof pushed, AsyncResult<void>>>();
const scattered = blocking.scatter("part", [1, 2], { dist: "roundRobin", flatten: true });
expectType<Equal<typeof scattered, Promise<void>>>();
// @ts-expect-error no distribution
all.scatter("part", [1], { dist: "cyclic" });
// @ts-expect-error an unknown option
all.scatter("part", [1], { flaten: true });
// @ts-expect-error no record
all.push("a");

// Results.
const entries = await several.resultByEngine();
expectType<Equal<typeof entries, Map<number, number>>>();
const entry = await bare.resultByEngine();
expectType<Equal<typeof entry, Map<number, string>>>();
const parts = await all.map((x) => x, new Float64Array(3)).resultByEngine();
expectType<Equal<typeof parts extends Map<number, Float64Array> ? 1 : 0, 1>>();
for await (const item of several) expectType<Equal<typeof item, number>>();
// An AsyncResult can be awaited, but views make it.
expectType<Equal<Awaited<AsyncResult<5>>, 5>>();
const checked: PromiseLike<string> = bare;

export { AsyncResult, checked, some };
