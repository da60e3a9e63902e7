/** How tensors go through the serializer. */

import type { TypedArray } from "../ndarray-transport/dtypes.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import { adapterOf, preparation, readyAdapter, type TensorAdapter, type TensorSpec } from "./adapter.ts";
import { bytesFrom, elementsFrom } from "./elements.ts";
import { HostTensor } from "./host-tensor.ts";

interface WireTensor extends TensorSpec {
  readonly library: string;
  readonly module: string | undefined;
  readonly elements: TypedArray | undefined;
}

/** The elements of tensors on a device, while a value with such tensors is being serialized. */
let downloads: Map<object, Uint8Array | Promise<Uint8Array>> | undefined;

export const tensorHandler: TypeHandler = {
  name: "tensor",
  test: (value) => value instanceof HostTensor || adapterOf(value) !== undefined,
  encode: (value: object): WireTensor => {
    if (value instanceof HostTensor) return wireForm(value.adapter, value.spec, value.elements());
    const adapter = adapterOf(value) as TensorAdapter;
    const spec = adapter.spec(value);
    const bytes = hostBytes(adapter, value);
    return wireForm(adapter, spec, bytes === undefined ? undefined : elementsFrom(bytes, spec));
  },
  decode: ({ library, elements, dtype, shape }: WireTensor): unknown =>
    readyAdapter(library).fromHost(bytesFrom(elements), { dtype, shape }),
  prepare: (payload) => {
    const { library, module } = payload as WireTensor;
    return preparation(library, module);
  },
};

function wireForm(adapter: TensorAdapter, spec: TensorSpec, elements: TypedArray | undefined): WireTensor {
  const { dtype, shape } = spec;
  return { library: adapter.name, module: adapter.module, dtype, shape: [...shape], elements };
}

/** The elements, unless they are still on their way from the device. */
function hostBytes(adapter: TensorAdapter, tensor: object): Uint8Array | undefined {
  const known = downloads?.get(tensor);
  const bytes = known ?? adapter.toHost(tensor);
  if (bytes instanceof Uint8Array) return bytes;
  if (downloads === undefined) {
    bytes.catch(() => undefined);
    const { dtype, shape } = adapter.spec(tensor);
    throw new TypeError(
      `is a ${dtype} tensor of shape [${shape.join(", ")}] whose elements only the device has, ` +
        "in a place where that cannot be waited for; await its data first, and send that",
    );
  }
  downloads.set(tensor, bytes);
  return undefined;
}

/**
 * What `serialize` gives: at once if no tensor in the value lies on a device alone, else a promise. `serialize` is
 * called twice then, once to find the tensors and once with their elements there.
 */
export function serializeWhenReady<T>(serialize: () => T): T | Promise<T> {
  const found = new Map<object, Uint8Array | Promise<Uint8Array>>();
  const first = withDownloads(found, serialize);
  return found.size === 0 ? first : downloaded(found).then((ready) => withDownloads(ready, serialize));
}

async function downloaded(
  found: ReadonlyMap<object, Uint8Array | Promise<Uint8Array>>,
): Promise<Map<object, Uint8Array>> {
  const entries = [...found];
  const bytes = await Promise.all(entries.map(([, promise]) => promise));
  return new Map(entries.map(([tensor], i) => [tensor, bytes[i] as Uint8Array]));
}

function withDownloads<T>(map: Map<object, Uint8Array | Promise<Uint8Array>>, serialize: () => T): T {
  const outer = downloads;
  downloads = map;
  try {
    return serialize();
  } finally {
    downloads = outer;
  }
}
