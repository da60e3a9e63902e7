/** The serializer of clients and engines: values, functions, references and tensors. */

import type { CaptureOptions } from "../functions/capture.ts";
import { createSerializer } from "../functions/serializer.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { AnyHandler } from "../ndarray-transport/types.ts";
import { tensorHandler } from "./handler.ts";
import { installTensors } from "./install.ts";

/** A serializer for everything that can be sent, tensors among it. Makes tensors known in this process. */
export function createTensorSerializer(options?: CaptureOptions, further: readonly AnyHandler[] = []): Serializer {
  installTensors();
  return createSerializer(options, [tensorHandler, ...further]);
}
