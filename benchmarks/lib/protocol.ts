/**
 * How the runner speaks with the programs that hold the systems: JSON, one line a message. A program first says that
 * it is ready, or what it lacks; then each question has one answer. The
 * programs in Python, under `peers/`, speak the same.
 */

/** The first line of a program. */
export type Greeting =
  | { readonly ready: true; readonly versions: Readonly<Record<string, string>> }
  | { readonly ready: false; readonly missing: string };

/** One repetition of something that a program can do. */
export interface Order {
  readonly operation: string;
  readonly parameters: Readonly<Record<string, number>>;
}

/** How long it took, by the clock of the program; the result has been checked. */
export interface Timing {
  readonly seconds: number;
}

export type Answer = Timing | { readonly unsupported: string } | { readonly error: string };
