/** How functions, instances of classes that travel, and references go through the serializer. */

import type { SteppedHandler, Subject, TypeHandler } from "../ndarray-transport/types.ts";
import { builtinPath } from "./builtins.ts";
import { type CapturedFunction, type CaptureOptions, captureFunction } from "./capture.ts";
import { evaluateExpression, Reference } from "./references.ts";
import { refusalIn } from "./refusals.ts";
import { beginFunction } from "./revive.ts";
import { wereTooEarly } from "./shared-variables.ts";
import { unwrap } from "./stand-ins.ts";
import type { AnyFunction, FunctionHead } from "./wire.ts";

/** The name under which functions travel. */
export const FUNCTION = "function";

/** Functions: taken apart on one side, compiled on the other. Captured values travel inside the payload. */
export function functionHandler(options: CaptureOptions): SteppedHandler {
  return {
    name: FUNCTION,
    isKeyed: true,
    test: (value) => typeof value === "function",
    standIn: (fn) => unwrap(fn as AnyFunction) as Subject,
    takeApart: (fn: AnyFunction): CapturedFunction => captureFunction(fn, options),
    refusalIn,
    isStale: wereTooEarly,
    begin: (head: FunctionHead) => beginFunction(head),
  };
}

/** Objects of JavaScript and Node, such as `process`: by the path to the engine's own. */
export const builtinHandler: TypeHandler = {
  name: "builtin",
  turn: "last",
  test: (value) => builtinPath(value) !== undefined,
  encode: (value: object): string => builtinPath(value)?.code ?? "undefined",
  decode: (code: string): unknown => evaluateExpression(code),
};

/** References: a text on one side, the value of that text in the namespace on the other. */
export const referenceHandler: TypeHandler = {
  name: "ref",
  test: (value) => value instanceof Reference,
  encode: (reference: Reference): string => reference.expression,
  decode: (expression: string): unknown => evaluateExpression(expression),
};
