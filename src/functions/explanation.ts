/** What `explain` tells of a function. */

import type { SerializationError, SourcePlace } from "../errors.ts";

/**
 * How a name gets to the engine: its value is sent; it is imported there; it is looked up in the engine's namespace, or
 * among the globals of the language and of Node; the engine supplies it in place of a compiler's helper; it stays on
 * the client, and a placeholder is sent; it cannot be sent.
 */
export type TravelsAs = "value" | "import" | "namespace" | "builtin" | "helper" | "stays" | "refused";

/** One name that a function uses from outside. */
export interface ExplainedName {
  readonly name: string;
  readonly travelsAs: TravelsAs;
  /** What it is: `a Float64Array of 3`, `a function`, `"join" from "node:path"`, or why it is refused. */
  readonly what: string;
  /** What its value takes in a message, alone, in bytes; 0 if no value is sent. */
  readonly bytes: number;
  /** Of a function or class: the names that it uses in turn. Empty where it is explained further up already. */
  readonly names: readonly ExplainedName[];
}

/** What would travel with a function. Printed, or as a text, it is a table. */
export interface Explanation {
  /** How the function is called in messages. */
  readonly label: string;
  readonly place: SourcePlace | undefined;
  /** The refusal that sending it would throw; undefined if it can be sent. */
  readonly refusal: SerializationError | undefined;
  /** What it takes in a message, with all that it captured, in bytes; undefined if it cannot be sent. */
  readonly bytes: number | undefined;
  /** What its text takes, in bytes of UTF-8. */
  readonly codeBytes: number;
  readonly names: readonly ExplainedName[];
  /** The table: a line for each name, with kind, size and what it is. */
  toString(): string;
}
