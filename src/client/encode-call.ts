/** From a call to what is sent for it. */

import { SerializationError } from "../errors.ts";
import type { Serialized, Serializer } from "../ndarray-transport/serializer.ts";
import type { CallValue, Operation } from "../protocol/calls.ts";

/** A call, ready to be sent. */
export interface EncodedCall extends Serialized {
  readonly operation: Operation;
}

const CALL = "call";

/** @throws SerializationError when a parameter cannot be sent; its path begins with the parameter's name: `args[0]`. */
export function encodeCall(call: CallValue, serializer: Serializer): EncodedCall {
  try {
    return { operation: call.operation, ...serializer.serialize(call, CALL) };
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const { message, path, cause } = error;
    throw new SerializationError(withoutCall(message), path === undefined ? path : withoutCall(path), {
      cause,
      refusal: error,
    });
  }
}

/** The parameters are what the caller knows: `call.args[0]` is `args[0]` there. */
function withoutCall(text: string): string {
  return text.startsWith(`${CALL}.`) ? text.slice(CALL.length + 1) : text;
}
