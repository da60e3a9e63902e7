/** What a question is: cases, each one operation with its parameters, and the unit in which it is answered. */

export interface Unit {
  readonly name: string;
  /** The number that is shown for the seconds of one repetition. */
  of(seconds: number): number;
}

export interface Case {
  readonly label: string;
  /** What the programs are asked to do: see `programs/` and `peers/`. */
  readonly operation: string;
  /** What ndparallel is asked to do instead, where there is something that only it has. */
  readonly ours?: string;
  readonly parameters: Readonly<Record<string, number>>;
  readonly unit: Unit;
  readonly repetitions: number;
  /** Whether a first, untimed repetition would change the answer: it would not for a start. */
  readonly isCold?: boolean;
}

export interface Question {
  readonly name: string;
  readonly title: string;
  /** With `quick` smaller and fewer. */
  cases(quick: boolean): readonly Case[];
}

export const MEBIBYTE: number = 2 ** 20;

/** 10⁹ bytes a second. */
export function gigabytesPerSecond(bytes: number): Unit {
  return { name: "GB/s", of: (seconds) => bytes / seconds / 1e9 };
}

export function tasksPerSecond(count: number): Unit {
  return { name: "tasks/s", of: (seconds) => count / seconds };
}

export function microsecondsPer(count: number): Unit {
  return { name: "µs", of: (seconds) => (seconds / count) * 1e6 };
}

export const milliseconds: Unit = { name: "ms", of: (seconds) => seconds * 1e3 };
