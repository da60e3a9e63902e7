/**
 * Parallel inference over a large tensor whose results stay: every engine turns its part of 9,000 images, each moved about
 * in nine ways, into features of a convolution, and keeps them. What follows runs where the features lie: the mean of each
 * class, and the nearest mean for every image. Only sums and labels come back. Needs TensorFlow.js: it says what to install.
 */

import { Cluster, parallel, type RemoteRef } from "ndparallel";
import { type Digits, loadDigits } from "./digits-data.ts";
import { CORE, loadTensorFlow, type Tensor, type TensorFlow } from "./tensorflow.ts";

const quick = process.env["NDPARALLEL_EXAMPLE_QUICK"] === "1";
const DIGITS = quick ? 300 : 9_000;
const MOVES = [-2, 0, 2].flatMap((y) => [-2, 0, 2].map((x) => [y, x] as const));
const FILTERS = 16;

/** Here and on the engines. */
declare const tf: TensorFlow;

await loadTensorFlow();
const { train } = loadDigits(DIGITS, 0);

await using cluster = await Cluster.start({ devices: ["wasm"] });
await using client = await cluster.connect();
const engines = client.view();
await engines.import({ tf: CORE });

/** Random, and the same for everybody: it crosses to each engine once. */
const filter = tf.truncatedNormal([7, 7, 1, FILTERS], 0, 0.2, "float32", 1);

/** Images [n, 28, 28, 1] to features [n, 6 · 6 · filters]. */
const embed = parallel(engines, { keep: true })(async (images: Tensor): Promise<Tensor> => {
  const maps = tf.relu(tf.conv2d(images, filter, 2, "valid"));
  const pooled = tf.maxPool(maps, 2, 2, "same");
  return tf.reshape(pooled, [images.shape[0]!, -1]);
});

/** The sum of the features of each class, and how many there are: a list, with one entry for each engine. */
const sumByClass = parallel(engines)(async (features: Tensor, labels: Tensor) => {
  const members = tf.cast(tf.oneHot(labels, 10), "float32");
  return { sums: tf.matMul(members, features, true), counts: tf.sum(members, 0) };
});

/** The class whose mean is nearest: |f|² is the same for all of them. */
const nearest = parallel(engines)(async (features: Tensor, { means }: { means: Tensor }): Promise<Tensor> => {
  const distances = tf.sub(tf.sum(tf.square(means), 1), tf.mul(tf.matMul(features, means, false, true), 2));
  return tf.argMax(tf.neg(distances), 1);
});

const images = moved(train);
const labels = tf.tensor(
  Int32Array.from({ length: images.shape[0]! }, (_, i) => train.labels[i % DIGITS]!),
  undefined,
  "int32",
);
const started = performance.now();
using features = (await embed(images)) as RemoteRef<Tensor>;
const embedded = performance.now();
const parts = await sumByClass(features, labels);
const means = tf.tidy(() => {
  const counts = tf.reshape(tf.addN(parts.map((part) => part.counts)), [10, 1]);
  return tf.div(tf.addN(parts.map((part) => part.sums)), counts);
});
const found = await (await nearest(features, { means })).data();
const ended = performance.now();

const wanted = await labels.data();
const right = wanted.filter((label, i) => label === found[i]).length;
const megabytes = (tensor: { readonly shape: readonly number[] | undefined }): string =>
  ((tensor.shape!.reduce((product, length) => product * length, 1) * 4) / 1e6).toFixed(0);
console.log(`
  images               [${images.shape.join(", ")}] float32, ${megabytes(images)} MB, over ${client.size} engines
  features             [${features.shape!.join(", ")}] ${features.dtype}, ${megabytes(features)} MB, kept on engines ${features.engineIds.join(", ")}
  embedding            ${((embedded - started) / 1000).toFixed(2)} s, ${Math.round((images.shape[0]! / (embedded - started)) * 1000)} images a second
  two passes over them ${((ended - embedded) / 1000).toFixed(2)} s
  nearest class mean   ${((100 * right) / wanted.length).toFixed(1)} % right  (${right} of ${wanted.length})
`);
if (right / wanted.length < 0.5) process.exitCode = 1;

/** Every image in nine places: shape [9 n, 28, 28, 1]. */
function moved({ images: { data, shape } }: Digits): Tensor {
  const [count, pixels] = shape as [number, number];
  const all = new Float32Array(MOVES.length * count * pixels);
  MOVES.forEach(([down, right], move) => {
    for (let image = 0; image < count; image++) {
      const [from, to] = [image * pixels, (move * count + image) * pixels];
      for (let y = Math.max(0, down); y < Math.min(28, 28 + down); y++) {
        const row = from + (y - down) * 28 + Math.max(0, -right);
        all.set(data.subarray(row, row + 28 - Math.abs(right)), to + y * 28 + Math.max(0, right));
      }
    }
  });
  return tf.tensor(all, [MOVES.length * count, 28, 28, 1]);
}
