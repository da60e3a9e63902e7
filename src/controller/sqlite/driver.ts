/** SQLite, from whichever library there is: the one of Node (22.5 and later), or the optional package libsql. */

import { createRequire } from "node:module";

type Value = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, Value>>;

interface Statement {
  run(...values: readonly Value[]): unknown;
  all(...values: readonly Value[]): unknown[];
}

interface Library {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): unknown;
}

type Open = new (file: string) => Library;

export class Sqlite {
  readonly #library: Library;
  readonly #statements = new Map<string, Statement>();

  /** @throws Error that says what to install, or why the file cannot be used. */
  constructor(file: string) {
    const Library = findLibrary();
    try {
      this.#library = new Library(file);
      // One process at a time. What was committed outlives the process, though perhaps not the machine.
      this.exec("PRAGMA busy_timeout=1000; PRAGMA locking_mode=EXCLUSIVE");
      this.all("PRAGMA journal_mode=WAL");
      this.exec("PRAGMA synchronous=NORMAL");
    } catch (error) {
      const reason = (error as Error).message;
      const more = /locked|busy/i.test(reason) ? "another cluster that is running uses it" : reason;
      throw new Error(`the task database ${file} cannot be opened: ${more}`, { cause: error });
    }
  }

  exec(sql: string): void {
    this.#library.exec(sql);
  }

  /** Statements are kept: there must be few. Gives how many rows have changed. */
  run(sql: string, values: readonly Value[]): number {
    return Number((this.#prepare(sql).run(...values) as { readonly changes: number | bigint }).changes);
  }

  all(sql: string, values: readonly Value[] = []): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** All of it, or nothing. */
  transaction<T>(change: () => T): T {
    this.exec("BEGIN");
    try {
      const result = change();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      try {
        this.exec("ROLLBACK");
      } catch {
        // It has been rolled back already, as when the disk is full.
      }
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#library.close();
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#library.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function findLibrary(): Open {
  const require = createRequire(import.meta.url);
  const { emitWarning } = process;
  try {
    // Node calls it experimental, on the terminal of the user.
    process.emitWarning = () => undefined;
    return (require("node:sqlite") as { DatabaseSync: Open }).DatabaseSync;
  } catch {
    // Not in this version of Node.
  } finally {
    process.emitWarning = emitWarning;
  }
  try {
    return require("libsql") as Open;
  } catch (error) {
    const message =
      'a task database "sqlite" needs Node 22.13 or later, or the package libsql: npm install libsql@0.5.29';
    throw new Error(message, { cause: error });
  }
}
