/** The serializer that clients and engines use: values, and functions and references among them. */

import { typeDefinitionsHandler } from "../ndarray-transport/registry.ts";
import { Serializer } from "../ndarray-transport/serializer.ts";
import type { AnyHandler } from "../ndarray-transport/types.ts";
import type { CaptureOptions } from "./capture.ts";
import { commonjsModuleHandler, requireHandler } from "./commonjs.ts";
import { builtinHandler, functionHandler, referenceHandler } from "./handlers.ts";
import { inertHandler } from "./inert.ts";
import { instanceHandler } from "./instances.ts";
import { weakCollectionHandler } from "./lowered-privates.ts";
import { moduleHandler } from "./module-reference.ts";

/**
 * A serializer for everything that can be sent. Its `deserialize` evaluates references and compiles functions.
 *
 * @param options how functions are taken apart; by default local modules travel by value
 * @param further types that the layers above know
 */
export function createSerializer(
  options: CaptureOptions = { modules: "value" },
  further: readonly AnyHandler[] = [],
): Serializer {
  return new Serializer(serializerHandlers(options, further));
}

/** The handlers of that serializer. */
export function serializerHandlers(
  options: CaptureOptions,
  further: readonly AnyHandler[] = [],
): readonly AnyHandler[] {
  return [
    typeDefinitionsHandler,
    requireHandler,
    functionHandler(options),
    commonjsModuleHandler,
    ...further,
    referenceHandler,
    moduleHandler,
    weakCollectionHandler,
    inertHandler,
    builtinHandler,
    instanceHandler,
  ];
}
