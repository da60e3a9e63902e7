/**
 * The form in which a function travels, and the memory of which function object has which form.
 */

/** Anything that `typeof` calls a function, classes included. */
export type AnyFunction = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** A function as plain data. Absent lists are empty ones. */
export interface WireFunction {
  /** The text of one expression whose value is the function. */
  readonly code: string;
  /** The function's `name`. */
  readonly name: string;
  /** Whether the text is to be compiled as strict code. */
  readonly strict: boolean;
  /** Free names to be found in the engine's namespace (its `globalThis`) when the function runs. */
  readonly late: readonly string[];
  /** Free names that mean the function itself, as in `const f = (n) => n && f(n - 1)`. */
  readonly self?: readonly string[];
  /** Free names that the engine supplies: see `helpers.ts`. */
  readonly helpers?: readonly string[];
  /** Captured variables by name: each becomes a variable of its own, private to the revived function. */
  readonly captures?: Readonly<Record<string, unknown>>;
}

const forms = new WeakMap<AnyFunction, WireFunction>();

/** The known wire form of `fn`: it was captured or received before. */
export function knownForm(fn: AnyFunction): WireFunction | undefined {
  return forms.get(fn);
}

/** Remembers the wire form of `fn`. */
export function rememberForm(fn: AnyFunction, wire: WireFunction): void {
  forms.set(fn, wire);
}
