/** How functions and references go through the serializer. */

import type { TypeHandler } from "../ndarray-transport/types.ts";
import { captureFunction } from "./capture.ts";
import { evaluateExpression, Reference } from "./references.ts";
import { reviveFunction } from "./revive.ts";
import type { AnyFunction, WireFunction } from "./wire.ts";

/** Functions: taken apart on one side, compiled on the other. Captured values travel inside the payload. */
export const functionHandler: TypeHandler = {
  name: "function",
  isKeyed: true,
  test: (value) => typeof value === "function",
  encode: (fn: AnyFunction): WireFunction => captureFunction(fn),
  decode: (wire: WireFunction): AnyFunction => reviveFunction(wire),
};

/** References: a text on one side, the value of that text in the namespace on the other. */
export const referenceHandler: TypeHandler = {
  name: "ref",
  test: (value) => value instanceof Reference,
  encode: (reference: Reference): string => reference.expression,
  decode: (expression: string): unknown => evaluateExpression(expression),
};
