/**
 * `ref("expression")`: an argument that is evaluated in the engine's namespace instead of being sent.
 */

import { Script } from "node:vm";
import { BoundedCache } from "./bounded-cache.ts";
import { describeValue } from "./refusals.ts";
import { loadParser } from "./syntax.ts";

/** Stands for the value that an expression has on the engine. Made by {@link ref}. */
export class Reference {
  readonly expression: string;

  /** @throws TypeError if `expression` is not the text of exactly one expression */
  constructor(expression: string) {
    checkExpression(expression);
    this.expression = expression;
  }
}

/**
 * A placeholder for a value that lives on the engine: it is evaluated in the engine's namespace, where it stands as an
 * argument, at any depth, or as the function itself.
 *
 * @param expression one expression, e.g. `"weights"` or `"model.layers[0]"`
 * @throws TypeError if it is not the text of exactly one expression
 *
 * @example
 * ```ts
 * await view.push({ weights });
 * await view.apply((w: Float64Array) => w.length, ref("weights"));
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: it stands for a value of whatever type the function's parameter has
export function ref(expression: string): any {
  return new Reference(expression);
}

function checkExpression(expression: unknown): asserts expression is string {
  if (typeof expression !== "string") {
    throw new TypeError(`ref: the expression must be a string, not ${describeValue(expression)}`);
  }
  if (expression.trim() === "") throw new TypeError("ref: the expression is empty");
  const { parseExpressionAt, tokenizer, tokTypes } = loadParser();
  // The end of a node in parentheses is that of what is inside them, unless they are kept.
  const options = { ecmaVersion: "latest", sourceType: "script", preserveParens: true } as const;
  let rest: string;
  try {
    const { end } = parseExpressionAt(expression, 0, options);
    rest = [...tokenizer(expression.slice(end), options)].some(({ type }) => type !== tokTypes.eof) ? "more" : "";
  } catch (error) {
    throw new TypeError(`ref: "${expression}" is no expression: ${(error as Error).message}`);
  }
  if (rest !== "") throw new TypeError(`ref: "${expression}" is more than one expression`);
}

const scripts = new BoundedCache<Script>(500);

/** The value of an expression in this process's `globalThis`; throws what evaluating it throws. */
export function evaluateExpression(expression: string): unknown {
  let script = scripts.get(expression);
  if (!script) {
    script = new Script(`(${expression}\n)`, { filename: `<ref ${expression}>` });
    scripts.set(expression, script);
  }
  return script.runInThisContext();
}
