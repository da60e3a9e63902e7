/** The serializer that clients and engines use: values, and functions and references among them. */

import { Serializer } from "../ndarray-transport/serializer.ts";
import { functionHandler, referenceHandler } from "./handlers.ts";

/** A serializer for everything that can be sent. Its `deserialize` evaluates references and compiles functions. */
export function createSerializer(): Serializer {
  return new Serializer([functionHandler, referenceHandler]);
}
