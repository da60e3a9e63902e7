/**
 * An adapter for jax-js, as a program could have it: proof that the interface holds for a library that is unlike
 * TensorFlow.js, in which every operation uses up its arguments. Plain JavaScript, so that every version of Node loads it.
 */

import { registerTensors } from "ndparallel/tensors";

/** jax-js tells devices by the navigator, which Node 20 lacks. */
globalThis.navigator ??= { userAgent: "Node.js" };

const jax = await import(new URL("libraries/node_modules/@jax-js/jax/dist/index.js", import.meta.url).href);
const np = jax.numpy;
let isReady = false;

const classes = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array, float64: Float64Array };

/** What a task was given and what it gave: nobody else frees these. */
const met = new Set();

registerTensors(
  {
    name: "jax",
    is: (value) => typeof value.refCount === "number" && typeof value.blockUntilReady === "function",
    spec: ({ dtype, shape }) => ({ dtype, shape }),
    get ready() {
      return isReady;
    },
    async init() {
      await jax.init("wasm");
      jax.defaultDevice("wasm");
      isReady = true;
      return { kind: "wasm", id: "wasm", name: "CPU (WebAssembly)", software: false, share: 1, gpu: 0 };
    },
    toHost(array) {
      met.add(array);
      const elements = array.ref.dataSync();
      // bool is 32 bits wide there, a byte on the wire.
      if (array.dtype === "bool") return Uint8Array.from(elements);
      return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    },
    fromHost(bytes, { dtype, shape }) {
      const copy = bytes.slice();
      const elements = dtype === "bool" ? Int32Array.from(copy) : new classes[dtype](copy.buffer);
      const array = np.array(elements, { shape: [...shape], dtype: dtype === "bool" ? np.int32 : dtype });
      const made = dtype === "bool" ? array.astype(np.bool) : array;
      met.add(made);
      return made;
    },
    slice: (array, axis, start, stop) =>
      array.ref.slice(...array.shape.map((_, i) => (i === axis ? [start, stop] : []))),
    reshape: (array, shape) => array.ref.reshape([...shape]),
    concat: (arrays, axis) =>
      np.concatenate(
        arrays.map((array) => array.ref),
        axis,
      ),
    dispose: (array) => {
      met.delete(array);
      if (array.refCount > 0) array.dispose();
    },
    begin: () => ({
      settle: () => undefined,
      release(lives) {
        for (const array of met) {
          if (lives(array)) continue;
          met.delete(array);
          if (array.refCount > 0) array.dispose();
        }
      },
    }),
  },
  import.meta.url,
);

export { jax };
