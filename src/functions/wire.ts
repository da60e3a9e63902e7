/**
 * The form in which a function travels, and the memory of which received function came in which form.
 */

import type { Accessor } from "./properties.ts";

/** Anything that `typeof` calls a function, classes included. */
export type AnyFunction = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** What is needed to make a function. Absent lists are empty ones. */
export interface FunctionHead {
  /** The text of one expression whose value is the function; as bytes in UTF-8 if it is long. */
  readonly code: string | Uint8Array;
  /** The function's `name`. */
  readonly name: string;
  /** Whether the text is to be compiled as strict code. */
  readonly strict: boolean;
  /** Free names to be found in the engine's namespace (its `globalThis`) when the function runs. */
  readonly late?: readonly string[];
  /** Captured variables, whose values are in the body, by name. */
  readonly cells?: readonly string[];
  /** Captured variables that are read while the function is made: what a class extends, its computed keys. */
  readonly eager?: Readonly<Record<string, unknown>>;
  /** Free names that the engine supplies: see `helpers.ts`. */
  readonly helpers?: readonly string[];
  /** The directory of the module in which the function was written, for what it imports when it runs. */
  readonly from?: string;
  /** It is a function of JavaScript or Node, and the text is the path to it. */
  readonly isBuiltin?: true;
}

/** What is put into a function once it is made. */
export interface FunctionBody {
  /** Values of the head's cells; the variables are private to the revived function. */
  readonly captures?: Readonly<Record<string, unknown>>;
  /** Its own enumerable properties; of a class, the static fields. */
  readonly own?: Readonly<Record<string, unknown>>;
  readonly ownAccessors?: Readonly<Record<string, Accessor>>;
  /** What was added to its `prototype`. */
  readonly prototype?: Readonly<Record<string, unknown>>;
  readonly prototypeAccessors?: Readonly<Record<string, Accessor>>;
}

/** A received function: how it was made, and the values that its cells have now. */
export interface ReceivedForm {
  readonly head: FunctionHead;
  readCells(): Readonly<Record<string, unknown>>;
}

const forms = new WeakMap<AnyFunction, ReceivedForm>();

/** How `fn` was received, if it was. */
export function receivedForm(fn: AnyFunction): ReceivedForm | undefined {
  return forms.get(fn);
}

/** Remembers how `fn` was received. */
export function rememberForm(fn: AnyFunction, form: ReceivedForm): void {
  forms.set(fn, form);
}
