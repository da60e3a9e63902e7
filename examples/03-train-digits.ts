/**
 * Data-parallel training: a small convolutional network learns handwritten digits. Each engine computes the gradient of
 * its part of a batch; the client averages the gradients, takes a step and pushes the weights. Writes the loss of every
 * step as a picture. Needs TensorFlow.js: it says what to install.
 *
 *   node --import tsx examples/03-train-digits.ts [loss.svg]
 */

import { writeFileSync } from "node:fs";
import path from "node:path";
import { SingleBar } from "cli-progress";
import { asParallel, Cluster, parallel } from "ndparallel";
import { type Digits, loadDigits } from "./digits-data.ts";
import { lossCurve } from "./loss-curve.ts";
import { CORE, LAYERS, loadTensorFlow, type Tensor, type TensorFlow } from "./tensorflow.ts";

const quick = process.env["NDPARALLEL_EXAMPLE_QUICK"] === "1";
const [TRAIN, TEST] = quick ? [1_200, 300] : [9_000, 1_000];
const EPOCHS = quick ? 4 : 3;
const BATCH = 100;
const MOMENTUM = 0.9;
const picture = path.resolve(process.argv[2] ?? "digits-loss.svg");

/** Here and on the engines. */
declare const tf: TensorFlow;
/** On an engine: what the client has pushed last. */
declare const weights: Tensor[];

await loadTensorFlow();
const { train, test } = loadDigits(TRAIN, TEST);

await using cluster = await Cluster.start({ devices: ["wasm"] });
await using client = await cluster.connect();
const engines = client.view();
await engines.import({ tf: CORE, layers: LAYERS });

/** A convolution whose filter has a gradient on every backend: that is a convolution itself, of the input with `dy`. */
function convolve(input: Tensor, filter: Tensor): Tensor {
  const withGradient = tf.customGrad((x, w, save) => {
    save([x, w]);
    const gradFunc = (dy: Tensor, [x, w]: Tensor[]): Tensor[] => [
      tf.conv2dTranspose(dy, w!, x!.shape, 1, "valid"),
      tf.transpose(tf.conv2d(tf.transpose(x!, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3]), 1, "valid"), [1, 2, 0, 3]),
    ];
    return { value: tf.conv2d(x, w, 1, "valid"), gradFunc };
  });
  return withGradient(input, filter);
}

/** 28 × 28 pixels → 8 maps of 12 × 12 → 16 maps of 4 × 4 → ten scores: shape [n, 10]. */
function score(images: Tensor, [filter1, bias1, filter2, bias2, last, bias3]: readonly Tensor[]): Tensor {
  const first = tf.maxPool(tf.relu(tf.add(convolve(images, filter1!), bias1!)), 2, 2, "valid");
  const second = tf.maxPool(tf.relu(tf.add(convolve(first, filter2!), bias2!)), 2, 2, "valid");
  return tf.add(tf.matMul(tf.reshape(second, [-1, 256]), last!), bias3!);
}

interface Step {
  readonly loss: Tensor;
  readonly gradients: Tensor[];
}

class Network {
  /** The sums over this engine's part of the batch. */
  @parallel(engines)
  static async gradient(images: Tensor, labels: Tensor): Promise<Step> {
    const wanted = tf.cast(tf.oneHot(labels, 10), "float32");
    const loss = (...w: Tensor[]): Tensor => tf.neg(tf.sum(tf.mul(tf.logSoftmax(score(images, w)), wanted)));
    const { value, grads } = tf.valueAndGrads(loss)(weights);
    return { loss: value, gradients: grads };
  }

  /** The digit that has the highest score. */
  @parallel(engines)
  static async classify(images: Tensor): Promise<Tensor> {
    return tf.argMax(score(images, weights), 1);
  }
}

const state = initialWeights();
const velocities = state.map(({ shape }) => tf.variable(tf.zeros(shape)));
await engines.push({ weights: state });
const [images, labels] = tensorsOf(train);
const losses: number[] = [];
const steps = Math.floor(TRAIN / BATCH);
const bar = new SingleBar({
  format: "  training {bar} {value}/{total}  epoch {epoch}  loss {loss}",
  clearOnComplete: true,
  noTTYOutput: true,
  notTTYSchedule: 2_000,
});
bar.start(EPOCHS * steps, 0, { epoch: 1, loss: "?" });
const started = performance.now();
for (let epoch = 0; epoch < EPOCHS; epoch++) {
  for (let step = 0; step < steps; step++) {
    const at = step * BATCH;
    const batch = [tf.slice(images, [at, 0, 0, 0], [BATCH, 28, 28, 1]), tf.slice(labels, [at], [BATCH])] as const;
    // An object is no sequence: the parts' results come as a list.
    const parts = await asParallel(Network.gradient)(...batch);
    await update(parts, 0.05 / (1 + epoch));
    for (const tensor of batch) tensor.dispose();
    bar.update(epoch * steps + step + 1, { epoch: epoch + 1, loss: losses.at(-1)?.toFixed(3) });
  }
}
bar.stop();
const seconds = (performance.now() - started) / 1000;

const [unknown, answers] = tensorsOf(test);
const found = await (await Network.classify(unknown)).data();
const right = (await answers.data()).filter((label, i) => label === found[i]).length;
writeFileSync(picture, lossCurve(`Loss over ${TRAIN} digits, ${EPOCHS} epochs, ${client.size} engines`, losses));
console.log(`
  ${TRAIN} digits, ${EPOCHS} epochs of ${steps} steps on ${client.size} engines: ${seconds.toFixed(1)} s
  loss                 ${losses[0]!.toFixed(3)} → ${(losses.slice(-steps).reduce((a, b) => a + b) / steps).toFixed(3)} (mean of the last epoch)
  held-out digits      ${((100 * right) / TEST).toFixed(1)} % right  (${right} of ${TEST})
  tensors on engines   ${(await engines.apply(() => tf.memory().numTensors)).join(", ")}
  loss curve           ${picture}
`);
if (right / TEST < (quick ? 0.8 : 0.95)) process.exitCode = 1;

/** The mean gradient of the batch, one step against it with momentum, and the new weights for everybody. */
async function update(parts: readonly Step[], rate: number): Promise<void> {
  const loss = tf.tidy(() => {
    state.forEach((weight, i) => {
      const gradient = tf.div(tf.addN(parts.map(({ gradients }) => gradients[i]!)), BATCH);
      const velocity = velocities[i]!;
      velocity.assign(tf.sub(tf.mul(velocity, MOMENTUM), tf.mul(gradient, rate)));
      weight.assign(tf.add(weight, velocity));
    });
    return tf.div(tf.addN(parts.map((part) => part.loss)), BATCH);
  });
  losses.push((await loss.data())[0]!);
  for (const tensor of [loss, ...parts.flatMap((part) => [part.loss, ...part.gradients])]) tensor.dispose();
  await engines.push({ weights: state });
}

function initialWeights(): ReturnType<TensorFlow["variable"]>[] {
  const shapes = [[5, 5, 1, 8], [8], [5, 5, 8, 16], [16], [256, 10], [10]];
  return shapes.map((shape, i) => {
    const inputs = shape.slice(0, -1).reduce((product, length) => product * length, 1);
    const initial =
      shape.length === 1 ? tf.zeros(shape) : tf.truncatedNormal(shape, 0, Math.sqrt(2 / inputs), "float32", i);
    return tf.variable(initial);
  });
}

function tensorsOf(digits: Digits): [images: Tensor, labels: Tensor] {
  const count = digits.labels.length;
  return [
    tf.tensor(digits.images.data, [count, 28, 28, 1]),
    tf.tensor(Int32Array.from(digits.labels), [count], "int32"),
  ];
}
