// `npm run check:gpu`: verifies that engines compute on this machine's GPUs. Every line says what was looked at and what
// was found; the last one says whether all is well. `--devices <JSON>` takes other devices than those that are found:
//   npm run check:gpu -- --devices '[{"kind":"webgpu","software":true}]'
import { Cluster } from "ndparallel";

/** Rows and columns of the matrices that are multiplied. */
const SIZE = 256;
/** Tasks after which the tensors on each engine are counted. */
const TASKS = 100;

const at = process.argv.indexOf("--devices");
const devices = at < 0 ? "auto" : JSON.parse(process.argv[at + 1] ?? '"auto"');
let failed = 0;

const cluster = await Cluster.start({ engines: 2, devices });
try {
  const rc = await cluster.connect();
  try {
    if (rc.devices().size === 0) {
      console.log("No GPU was found: nvidia-smi lists none, and WebGPU has no adapter but perhaps a software one.");
      failed++;
    } else {
      await check(rc);
    }
  } finally {
    rc.close();
  }
} catch (error) {
  console.log(`The engines did not start: ${error.message}`);
  failed++;
} finally {
  await cluster.stop();
}
console.log(failed === 0 ? "All is well." : `${failed} of the checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;

async function check(rc) {
  for (const [engineId, { kind, id, name, share, software, memory }] of rc.devices()) {
    const size = memory === undefined ? "" : `, ${Math.round(memory / 2 ** 20)} MiB`;
    console.log(`engine ${engineId}: ${kind} ${id} (${name}${size}), share ${share}${software ? ", software" : ""}`);
  }
  const all = rc.view();
  await all.import({ tf: "@tensorflow/tfjs-core" });
  report("backend", await all.apply(() => globalThis.tf.getBackend()), (name) =>
    ["tensorflow", "webgpu"].includes(name),
  );
  const errors = await all.apply(multiply, SIZE);
  report(`largest error of a ${SIZE} x ${SIZE} product, relative`, errors, (error) => error < 1e-3);
  const before = await all.apply(count);
  for (let i = 0; i < TASKS; i++) await all.apply(multiply, 16);
  const after = await all.apply(count);
  const kept = after.map((tensors, i) => tensors - before[i]);
  report(`tensors left by ${TASKS} tasks`, kept, (tensors) => tensors === 0);
}

function report(what, values, isRight) {
  const right = values.every(isRight);
  if (!right) failed++;
  console.log(`${right ? "ok    " : "FAILED"} ${what}: ${values.join(", ")}`);
}

/** The largest relative error of the device's product of two matrices against one computed in float64. */
async function multiply(n) {
  const { tf } = globalThis;
  const a = Float32Array.from({ length: n * n }, (_, i) => ((i * 7919) % 1009) / 1009);
  const t = tf.tensor2d(a, [n, n]);
  const product = await tf.matMul(t, t).data();
  let worst = 0;
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += a[row * n + k] * a[k * n + column];
      worst = Math.max(worst, Math.abs(product[row * n + column] - sum) / Math.abs(sum));
    }
  }
  return worst;
}

function count() {
  return globalThis.tf.memory().numTensors;
}
