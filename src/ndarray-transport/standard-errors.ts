/** The error classes of the language: those that both sides of a connection have. */

/** How to make an empty error of each class, by the name of the class. */
export const standardErrors: ReadonlyMap<string, () => Error> = new Map<string, () => Error>([
  ["Error", () => new Error()],
  ["EvalError", () => new EvalError()],
  ["RangeError", () => new RangeError()],
  ["ReferenceError", () => new ReferenceError()],
  ["SyntaxError", () => new SyntaxError()],
  ["TypeError", () => new TypeError()],
  ["URIError", () => new URIError()],
  ["AggregateError", () => new AggregateError([])],
]);
