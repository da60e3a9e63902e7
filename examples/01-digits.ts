/**
 * Real work on real data: 1,000 handwritten digits are recognised by their three nearest neighbours among 9,000
 * others, which lie scattered over one engine per core. Run it with `npm run quickstart`.
 */

import { SingleBar } from "cli-progress";
import type { NdArray } from "ndparallel";
import { asParallel, Cluster, parallel } from "ndparallel";
import { loadDigits } from "./digits-data.ts";

const quick = process.env["NDPARALLEL_EXAMPLE_QUICK"] === "1";
const TRAIN = quick ? 2_000 : 9_000;
const TEST = quick ? 100 : 1_000;
const BATCH = quick ? 50 : 100;
const NEIGHBOURS = 3;

const started = performance.now();
const { train: known, test: unknown } = loadDigits(TRAIN, TEST);
const loadedAt = performance.now();

await using cluster = await Cluster.start();
await using client = await cluster.connect();
const engines = client.view();
const readyAt = performance.now();

/** On an engine this name is the engine's part of the scattered images. */
declare const train: NdArray<Float32Array>;

class Classifier {
  /**
   * The nearest of this engine's digits for each query. `labels` is divided over the engines just as the images were,
   * `queries` goes to all of them whole. Gives (distance, label) three times for each query.
   */
  @parallel(engines)
  static async nearest(
    labels: Uint8Array,
    { queries, neighbours }: { queries: NdArray<Float32Array>; neighbours: number },
  ): Promise<Float64Array> {
    const [count, pixels] = queries.shape as [number, number];
    const [a, b] = [queries.data, train.data];
    const best = new Float64Array(count * neighbours * 2).fill(Number.POSITIVE_INFINITY);
    for (let query = 0; query < count; query++) {
      const slots = best.subarray(query * neighbours * 2, (query + 1) * neighbours * 2);
      for (let row = 0; row < labels.length; row++) {
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        for (let i = query * pixels, j = row * pixels, end = i + pixels; i < end; i += 4, j += 4) {
          const d0 = a[i]! - b[j]!;
          const d1 = a[i + 1]! - b[j + 1]!;
          const d2 = a[i + 2]! - b[j + 2]!;
          const d3 = a[i + 3]! - b[j + 3]!;
          s0 += d0 * d0;
          s1 += d1 * d1;
          s2 += d2 * d2;
          s3 += d3 * d3;
        }
        const distance = s0 + s1 + s2 + s3;
        let slot = neighbours;
        for (; slot > 0 && distance < slots[(slot - 1) * 2]!; slot--);
        if (slot === neighbours) continue;
        slots.copyWithin((slot + 1) * 2, slot * 2, (neighbours - 1) * 2);
        slots[slot * 2] = distance;
        slots[slot * 2 + 1] = labels[row]!;
      }
    }
    return best;
  }
}

// 1. The known digits: each engine gets its share of the rows, once.
await engines.scatter("train", known.images);
let bytesMoved = known.images.data.byteLength;

// 2. The unknown ones, a batch at a time; every engine looks among its own.
const predicted = new Uint8Array(TEST);
const bar = new SingleBar({
  format: "  classifying {bar} {value}/{total}",
  clearOnComplete: true,
  noTTYOutput: true,
  notTTYSchedule: 2_000,
});
bar.start(TEST, 0);
const parallelStart = performance.now();
for (let first = 0; first < TEST; first += BATCH) {
  const queries = unknown.images.lo(first, 0).hi(Math.min(BATCH, TEST - first));
  const candidates = await Classifier.nearest(known.labels, { queries, neighbours: NEIGHBOURS });
  predicted.set(vote(candidates, queries.shape[0]!, client.size), first);
  bytesMoved += queries.size * 4 * client.size + known.labels.byteLength + candidates.byteLength;
  bar.update(first + queries.shape[0]!);
}
const parallelTime = performance.now() - parallelStart;
bar.stop();

// 3. The same code in this process alone.
Object.assign(globalThis, { train: known.images });
const serialStart = performance.now();
const nearestHere = asParallel(Classifier.nearest).local;
const alone = vote(await nearestHere(known.labels, { queries: unknown.images, neighbours: NEIGHBOURS }), TEST, 1);
const serialTime = performance.now() - serialStart;

report();

/** The majority among the nearest of all engines; of equal counts the label of the nearer one. */
function vote(candidates: Float64Array, count: number, parts: number): Uint8Array {
  const labels = new Uint8Array(count);
  const perPart = candidates.length / parts;
  for (let query = 0; query < count; query++) {
    const nearest: [distance: number, label: number][] = [];
    for (let part = 0; part < parts; part++) {
      for (let k = 0; k < NEIGHBOURS; k++) {
        const at = part * perPart + (query * NEIGHBOURS + k) * 2;
        nearest.push([candidates[at]!, candidates[at + 1]!]);
      }
    }
    nearest.sort((x, y) => x[0] - y[0]);
    const votes = new Map<number, number>();
    for (const [, label] of nearest.slice(0, NEIGHBOURS)) votes.set(label, (votes.get(label) ?? 0) + 1);
    labels[query] = [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best))[0];
  }
  return labels;
}

function report(): void {
  const right = predicted.reduce((sum, label, i) => sum + Number(label === unknown.labels[i]), 0);
  const same = predicted.every((label, i) => label === alone[i]);
  const confusion = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  for (const [i, label] of predicted.entries()) confusion[unknown.labels[i]!]![label]!++;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  console.log(`\n${TRAIN} digits over ${client.size} engines, ${TEST} held out, ${NEIGHBOURS} nearest neighbours\n`);
  console.log(`  true \\ predicted ${[...Array(10).keys()].map((d) => String(d).padStart(4)).join("")}`);
  confusion.forEach((row, digit) => {
    console.log(`  ${String(digit).padStart(16)} ${row.map((n) => (n === 0 ? "·" : String(n)).padStart(4)).join("")}`);
  });
  console.log(`
  accuracy                 ${((100 * right) / TEST).toFixed(1)} %  (${right} of ${TEST})
  on ${client.size} engines${" ".repeat(15 - String(client.size).length)}${seconds(parallelTime)}
  in one process           ${seconds(serialTime)}  (${same ? "the same answers" : "OTHER ANSWERS"})
  speed-up                 ${(serialTime / parallelTime).toFixed(2)} ×
  moved                    ${(bytesMoved / 1e6).toFixed(1)} MB
  reading the digits       ${seconds(loadedAt - started)}
  cluster ready after      ${seconds(readyAt - loadedAt)}
  elapsed                  ${seconds(performance.now() - started)}
`);
  if (!same) process.exitCode = 1;
}
