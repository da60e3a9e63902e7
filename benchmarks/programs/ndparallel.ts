/** ndparallel, as its users see it. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, Cluster, parallel, ref, shared } from "ndparallel";
// The same copy of it as the package's, which does not export it.
import { segmentPool } from "../../dist/ndarray-transport/segments/slices.js";
import { answerOrders, type Operation, timed, verify } from "../lib/answering.ts";
import { forgetData, ramp, rampSum, sumOf, sumOfWave, verifyRamp, verifySum, wave, waveSum } from "../lib/data.ts";

type Parameters = Readonly<Record<string, number>>;

const ENGINES = 2;
/** How long what was sent may take to come back, in milliseconds. */
const FORGETTING_MS = 3_000;
const profileDir = mkdtempSync(join(tmpdir(), "ndparallel-benchmark-profile-"));
let cluster: Cluster | undefined;
let client: Client | undefined;
/** One whose arrays do not travel through shared memory. */
let overConnection: Cluster | undefined;
let directClient: Client | undefined;

const addOne = (x: number): number => x + 1;
const same = (array: Float64Array): Float64Array => array;
/** Which array is in the engines' namespaces under `part`. */
let scattered = "";
let sharedArray: Float64Array = new Float64Array(0);

const operations: Record<string, Operation> = {
  async start() {
    await stop();
    return timed(async () => {
      cluster = await Cluster.start({ engines: ENGINES, profileDir });
      client = await cluster.connect();
      const answers = await client.view().apply(() => 42);
      verify(answers.length === ENGINES && answers.every((answer) => answer === 42), "answers of the engines");
    });
  },

  async call({ count = 0 }) {
    const engine = connected().at(0);
    return timed(async () => {
      for (let i = 0; i < count; i++) verify((await engine.apply(addOne, i)) === i + 1, "sum");
    });
  },

  async tasks({ count = 0, engines = 1, balanced = 0 }) {
    const views = Array.from({ length: engines }, (_, index) => connected().at(index));
    const balancedView = connected().loadBalancedView();
    const send = (i: number): PromiseLike<number> =>
      balanced === 1 ? balancedView.apply(addOne, i) : (views[i % engines] as (typeof views)[0]).apply(addOne, i);
    let values: number[] = [];
    const seconds = await timed(async () => {
      values = await Promise.all(Array.from({ length: count }, (_, i) => send(i)));
    });
    verify(values.length === count && values.every((value, i) => value === i + 1), "sums");
    return seconds;
  },

  async mapItems({ count = 0, chunk = 0 }) {
    const view = connected().loadBalancedView();
    const chosen = chunk === 0 ? view : view.with({ chunkSize: chunk });
    const numbers = Array.from({ length: count }, (_, i) => i);
    let values: number[] = [];
    const seconds = await timed(async () => {
      values = await chosen.map(addOne, numbers);
    });
    verify(values.length === count && values.every((value, i) => value === i + 1), "sums");
    return seconds;
  },

  async echo({ bytes = 0, mark = 0 }) {
    const engine = connected().at(0);
    const array = ramp(bytes, mark);
    let back: Float64Array | undefined;
    const seconds = await timed(async () => {
      back = await engine.apply(same, array);
    });
    verifyRamp(back, bytes / 8, mark);
    return seconds;
  },

  scatter: (parameters) => scatter(ramp, parameters),

  async scatterFirst(parameters) {
    await forgetSegments();
    return scatter(ramp, parameters);
  },

  scatterShared: (parameters) => scatter(sharedRamp, parameters),

  gather: (parameters) => gather(ramp, parameters),

  /** Nobody has gathered these parts before. */
  async gatherFirst(parameters) {
    await forgetSegments();
    return gather(ramp, parameters);
  },

  gatherShared: (parameters) => gather(sharedRamp, parameters),

  async sendDirect({ bytes = 0, mark = 0 }) {
    overConnection ??= await Cluster.start({ engines: 1, dataWay: "direct", profileDir });
    directClient ??= await overConnection.connect();
    const engine = directClient.at(0);
    const array = ramp(bytes, mark);
    let ends: unknown;
    const seconds = await timed(async () => {
      ends = await engine.apply((x: Float64Array) => [x.length, x[0], x.at(-1)], array);
    });
    verify(`${ends}` === `${[bytes / 8, mark, bytes / 8 - 1]}`, `ends of the array: ${ends}`);
    return seconds;
  },

  async sumResident({ bytes = 0 }) {
    const all = connected().view();
    await scatterOnce(`ramp ${bytes}`, () => ramp(bytes, 0));
    let sums: number[] = [];
    const seconds = await timed(async () => {
      sums = await all.apply(sumOf, ref("part") as never);
    });
    verifySum(total(sums), rampSum(bytes / 8));
    return seconds;
  },

  async push({ bytes = 0, mark = 0 }) {
    const all = connected().view();
    const array = ramp(bytes, mark);
    const seconds = await timed(() => all.push({ whole: array }));
    const ends = await all.apply((x: Float64Array) => [x.length, x[0], x.at(-1)], ref("whole") as never);
    const expected = [bytes / 8, mark, bytes / 8 - 1];
    verify(ends.length === ENGINES && ends.every((end) => `${end}` === `${expected}`), `ends of the array: ${ends}`);
    return seconds;
  },

  async mapMoved({ length = 0 }) {
    const sumOfParts = parallel(connected().view())(sumOfWave);
    const array = wave(length);
    let sums: unknown;
    const seconds = await timed(async () => {
      sums = await sumOfParts(array);
    });
    verifySum(total(sums as number[]), waveSum(length));
    return seconds;
  },

  async mapResident({ length = 0 }) {
    const all = connected().view();
    await scatterOnce(`wave ${length}`, () => wave(length));
    let sums: number[] = [];
    const seconds = await timed(async () => {
      sums = await all.apply(sumOfWave, ref("part") as never);
    });
    verifySum(total(sums), waveSum(length));
    return seconds;
  },

  async release() {
    forgetData();
    await forgetSegments();
    return 0;
  },
};

const { version } = JSON.parse(readFileSync(packageFile(), "utf8")) as { version: string };
await answerOrders({ ndparallel: version, node: process.version }, operations, async () => {
  await stop();
  rmSync(profileDir, { recursive: true, force: true });
});

async function scatter(make: typeof ramp, { bytes = 0, mark = 0 }: Parameters): Promise<number> {
  const all = connected().view();
  const array = make(bytes, mark);
  const seconds = await timed(() => all.scatter("part", array));
  scattered = "";
  const ends = await all.apply((part: Float64Array) => [part.length, part[0], part.at(-1)], ref("part") as never);
  const half = bytes / 16;
  verify(`${ends}` === `${[half, mark, half - 1, half, half, 2 * half - 1]}`, `ends of the parts: ${ends}`);
  return seconds;
}

async function gather(make: typeof ramp, { bytes = 0 }: Parameters): Promise<number> {
  const all = connected().view();
  await scatterOnce(`${make.name} ${bytes}`, () => make(bytes, 0));
  let whole: unknown;
  const seconds = await timed(async () => {
    whole = await all.gather("part");
  });
  verifyRamp(whole, bytes / 8, 0);
  return seconds;
}

/** {@link ramp} in shared memory. */
function sharedRamp(bytes: number, mark: number): Float64Array {
  if (sharedArray.byteLength !== bytes) sharedArray = shared.from(ramp(bytes, mark));
  sharedArray[0] = mark;
  return sharedArray;
}

/** Gives back all shared memory that was used, so that what comes next is new; waits until it can be. */
async function forgetSegments(): Promise<void> {
  await connected().view().clear();
  scattered = "";
  sharedArray = new Float64Array(0);
  const deadline = performance.now() + FORGETTING_MS;
  while (segmentPool.usage.busyBytes > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  segmentPool.trim();
}

async function stop(): Promise<void> {
  client?.close();
  directClient?.close();
  await Promise.all([cluster?.stop(), overConnection?.stop()]);
  cluster = client = overConnection = directClient = undefined;
  scattered = "";
}

function connected(): Client {
  if (client === undefined) throw new Error("the engines have not been started");
  return client;
}

async function scatterOnce(name: string, array: () => Float64Array): Promise<void> {
  if (scattered !== name) await connected().view().scatter("part", array());
  scattered = name;
}

function total(sums: readonly number[]): number {
  return sums.reduce((sum, value) => sum + value, 0);
}

function packageFile(): string {
  return createRequire(import.meta.url).resolve("ndparallel/package.json");
}
