/**
 * Which task was sent to which engine last, written before it leaves, because the database writes it a moment later. The
 * file has a line for each, and only those that the database has not written; what a process wrote outlives it.
 */

import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";

/** The file is made anew when it is longer, in bytes. */
const LENGTH = 1024 * 1024;

export class SentJournal {
  readonly #path: string;
  #file: number;
  #length = 0;
  /** What the database has not written: a part for each of its writes that are on their way, and one for the next. */
  #parts = [""];
  /** How much of the last of them is in the file. */
  #from = 0;
  /** What an earlier controller has left, of tasks that are not known yet; a negative engine is none. */
  readonly #left: Map<string, number>;
  /** The file could not be written, and is made anew when the database has been written. */
  #isBroken = false;

  /** `goesOn`: after an earlier controller. */
  constructor(path: string, goesOn: boolean) {
    this.#path = path;
    this.#left = goesOn ? read(path) : new Map();
    this.#file = openSync(path, goesOn ? "a" : "w", 0o600);
  }

  /** Where an earlier controller has sent the task last; negative if it has taken it back, `undefined` if nobody knows. */
  place(taskId: string): number | undefined {
    return this.#left.get(taskId);
  }

  /** The task is about to be sent, or (negative) is at no engine any more. */
  note(taskId: string, engineId: number): void {
    if (this.#left.size > 0) this.#left.delete(taskId);
    this.#parts[this.#parts.length - 1] += `${taskId} ${engineId}\n`;
  }

  /** Something is about to leave. */
  write(): void {
    const last = this.#parts[this.#parts.length - 1] as string;
    if (last.length === this.#from) return;
    const text = last.slice(this.#from);
    this.#from = last.length;
    this.#length += text.length;
    this.#guarded(() => writeSync(this.#file, text));
  }

  /** The database begins to write what it has been told so far. */
  mark(): void {
    this.write();
    this.#parts.push("");
    this.#from = 0;
  }

  /** It has done so, as often as it has begun. */
  written(): void {
    this.#parts.shift();
    if (this.#length < LENGTH && !this.#isBroken) return;
    this.#isBroken = false;
    this.#from = this.#parts.at(-1)?.length ?? 0;
    const left = [...this.#left].map(([taskId, engineId]) => `${taskId} ${engineId}\n`);
    const text = left.join("") + this.#parts.join("");
    this.#length = text.length;
    this.#guarded(() => {
      const next = `${this.#path}.next`;
      writeFileSync(next, text, { mode: 0o600 });
      renameSync(next, this.#path);
      closeSync(this.#file);
      this.#file = openSync(this.#path, "a");
    });
  }

  /** It could not, and will write everything anew: then this begins anew, too. */
  failed(): void {
    this.#parts = [""];
    this.#from = 0;
    this.#isBroken = true;
  }

  /** The database has everything. */
  close(): void {
    closeSync(this.#file);
    rmSync(this.#path, { force: true });
  }

  #guarded(write: () => void): void {
    if (this.#isBroken) return;
    try {
      write();
    } catch {
      // The disk is full, for one thing, which the database finds out, too.
      this.#isBroken = true;
    }
  }
}

function read(path: string): Map<string, number> {
  try {
    const lines = readFileSync(path, "latin1").split("\n");
    // What follows the last line break was not finished.
    return new Map(
      lines.slice(0, -1).map((line) => {
        const [taskId = "", engineId] = line.split(" ");
        return [taskId, Number(engineId)] as const;
      }),
    );
  } catch {
    return new Map();
  }
}
