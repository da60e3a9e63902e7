/** From a call to what is sent for it. */

import { SerializationError } from "../errors.ts";
import { isBare, travelsAlike } from "../functions/capture.ts";
import {
  hasRegisteredTypes,
  type RegisteredType,
  registeredTypes,
  TypeDefinitions,
} from "../ndarray-transport/registry.ts";
import { beginningOfPair, type Serialized, type Serializer } from "../ndarray-transport/serializer.ts";
import type { CallValue, Operation } from "../protocol/calls.ts";

import { type KeptHandle, meetingHandles } from "./kept-handles.ts";
import { meetingResults } from "./met-results.ts";

/** A call, ready to be sent. */
export interface EncodedCall extends Serialized {
  readonly operation: Operation;
  /** The values among its parameters that engines keep. */
  readonly handles: ReadonlySet<KeptHandle>;
  /** The tasks whose results are among its parameters. */
  readonly inputs?: readonly string[] | undefined;
}

const CALL = "call";

/** What the calls of a function have in common, as it is sent. */
export interface Beginning {
  readonly name: string;
  readonly head: Uint8Array;
  /** What the payloads of the calls begin with; their arguments follow. */
  readonly bytes: Uint8Array;
}

const NO_HANDLES: ReadonlySet<KeptHandle> = new Set();
const beginnings = new WeakMap<object, Beginning>();

/** What the calls of a function that always travels alike have in common; `undefined` for other functions. */
export function beginningOf(fn: unknown, serializer: Serializer): Beginning | undefined {
  if (typeof fn !== "function" || hasRegisteredTypes()) return undefined;
  const known = beginnings.get(fn);
  if (known !== undefined && known.name === fn.name && isBare(fn as never)) return known;
  if (!travelsAlike(fn)) return undefined;
  const { head, buffers } = serializer.serialize({ operation: "apply", fn }, CALL);
  if (buffers.length > 0 || serializer.prepare(head) !== undefined) return undefined;
  const beginning = { name: (fn as { name: string }).name, head, bytes: beginningOfPair(head) };
  beginnings.set(fn, beginning);
  return beginning;
}

/**
 * A call of a function that always travels alike, with plain arguments: only these are taken apart. `undefined` for other
 * calls, which are for {@link encodeCall}.
 */
export function encodeAlike(call: CallValue, serializer: Serializer): EncodedCall | undefined {
  if (call.operation !== "apply" || call.keep === true) return undefined;
  const { operation, fn, args } = call;
  const beginning = beginningOf(fn, serializer);
  const serialized = beginning && serializer.serializePair(beginning.head, args);
  return serialized && { operation, head: serialized.head, buffers: serialized.buffers, handles: NO_HANDLES };
}

/** @throws SerializationError when a parameter cannot be sent; its path begins with the parameter's name: `args[0]`. */
export function encodeCall(call: CallValue, serializer: Serializer): EncodedCall {
  const types = typesToSend(serializer);
  // The types first: they are read before the values that need them.
  const { operation, ...parameters } = call;
  const sent = types.length === 0 ? call : { operation, types: new TypeDefinitions(types), ...parameters };
  try {
    const { encoded: met, inputs } = meetingResults(() => meetingHandles(() => serializer.serialize(sent, CALL)));
    const { encoded, handles } = met;
    for (const handle of handles) handle.checkEngine();
    return { operation, ...encoded, handles, inputs: inputs.length === 0 ? undefined : inputs };
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const { message, path, cause } = error;
    throw new SerializationError(withoutCall(message), path === undefined ? path : withoutCall(path), {
      cause,
      refusal: error,
    });
  }
}

/** Types whose functions can be sent, or not. */
const sendable = new WeakMap<RegisteredType, boolean>();

/** The types that are registered here. Those whose functions cannot travel stay; an engine may have its own. */
function typesToSend(serializer: Serializer): readonly RegisteredType[] {
  return registeredTypes().filter((type) => {
    let isSendable = sendable.get(type);
    if (isSendable === undefined) {
      isSendable = canSend(type, serializer);
      sendable.set(type, isSendable);
    }
    return isSendable;
  });
}

function canSend(type: RegisteredType, serializer: Serializer): boolean {
  try {
    serializer.serialize(new TypeDefinitions([type]));
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.emitWarning(
      `the registered type "${type.name}" stays on this client, since its functions cannot be sent: ${reason}`,
      "ParallelWarning",
    );
    return false;
  }
}

/** The parameters are what the caller knows: `call.args[0]` is `args[0]` there. */
function withoutCall(text: string): string {
  return text.startsWith(`${CALL}.`) ? text.slice(CALL.length + 1) : text;
}
