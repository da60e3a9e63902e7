/** The task database's table: what is written, asked and forgotten, in SQL. Answers at once; the thread around it does not. */

import type { Outcome } from "../../protocol/messages.ts";
import type { TaskDatabaseLimits } from "../task-database.ts";
import { compileQuery, idsOf, type TaskQuery } from "../task-query.ts";
import type { TaskRecord } from "../task-record.ts";
import { type Row, Sqlite } from "./driver.ts";
import { type Change, type Part, partsFor, recordOf, type StoredRow, unpack } from "./rows.ts";

/** Rows that are looked at together. */
const PAGE = 4_096;
/** Endings that are told, for tasks that depend on them. */
const ENDINGS = 16_384;
/** The version of the table. */
const VERSION = 1;

const SCHEMA = `CREATE TABLE IF NOT EXISTS tasks (
  sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, submitted REAL NOT NULL, engine INTEGER NOT NULL, status TEXT,
  ended INTEGER, bytes INTEGER NOT NULL DEFAULT 0, record BLOB NOT NULL, output BLOB, shown BLOB, result BLOB, request BLOB
);
CREATE TABLE IF NOT EXISTS engines (uuid TEXT PRIMARY KEY, completed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks_by_end ON tasks (ended) WHERE ended IS NOT NULL;
PRAGMA user_version=${VERSION};`;

export class SqliteStore {
  readonly #sqlite: Sqlite;
  readonly #limits: TaskDatabaseLimits;
  #records: number;
  #bytes: number;
  #lastEnd: number;

  /** @throws Error when the file cannot be used. */
  constructor(file: string, limits: TaskDatabaseLimits) {
    this.#sqlite = new Sqlite(file);
    this.#limits = limits;
    const version = Number(this.#sqlite.all("PRAGMA user_version")[0]?.["user_version"]);
    if (version > VERSION) throw new Error(`the task database ${file} was made by a later version of ndparallel`);
    this.#sqlite.exec(SCHEMA);
    const sums =
      "SELECT count(*) AS records, total(bytes) AS bytes, max(ended) AS last FROM tasks WHERE ended NOT NULL";
    const [row] = this.#sqlite.all(sums);
    this.#records = Number(row?.["records"]);
    this.#bytes = Number(row?.["bytes"]);
    this.#lastEnd = Number(row?.["last"] ?? 0);
  }

  /** Gives the outcomes of the records that went for it: the oldest, beyond the limits. */
  write(changes: readonly Change[], completed: readonly (readonly [engineUuid: string, count: number])[]): Outcome[] {
    return this.#sqlite.transaction(() => {
      for (const change of changes) this.#write(change);
      for (const [uuid, count] of completed) this.#sqlite.run(COUNT, [uuid, count]);
      return this.#cull();
    });
  }

  /** The records that match, oldest submission first, with these parts. */
  find(query: TaskQuery, parts: readonly Part[]): StoredRow[] {
    const matches = compileQuery(query);
    const asked = partsFor(Object.keys(query));
    const { condition, values } = prefilter(query);
    const columns = ["sequence", "submitted", "record", ...asked].join(", ");
    const sql = `SELECT ${columns} FROM tasks WHERE sequence > ?${condition} ORDER BY sequence LIMIT ${PAGE}`;
    const found: Row[] = [];
    for (let last = -1, rows: Row[] | undefined; rows === undefined || rows.length === PAGE; ) {
      rows = this.#sqlite.all(sql, [last, ...values]);
      last = Number(rows.at(-1)?.["sequence"]);
      for (const row of rows) if (matches(recordOf(row as StoredRow))) found.push(row);
    }
    found.sort((a, b) => Number(a["submitted"]) - Number(b["submitted"]));
    const more = parts.filter((part) => !asked.includes(part));
    return found.map((row) => {
      const stored: Record<string, unknown> = {};
      for (const part of ["record", ...asked] as const) if (row[part] !== null) stored[part] = row[part];
      if (more.length === 0) return stored;
      const [rest = {}] = this.#sqlite.all(`SELECT ${more.join(", ")} FROM tasks WHERE sequence = ?`, [
        row["sequence"] as number,
      ]);
      for (const part of more) if (rest[part] != null) stored[part] = rest[part];
      return stored;
    });
  }

  history(): string[] {
    return this.#sqlite.all("SELECT id FROM tasks ORDER BY submitted, sequence").map(({ id }) => String(id));
  }

  /** Forgets those that have ended, and gives their outcomes. */
  drop(ids: readonly string[]): Outcome[] {
    return this.#sqlite.transaction(() => {
      const sql = `SELECT sequence, bytes, record FROM tasks WHERE ended NOT NULL AND id IN (${IDS})`;
      return this.#sqlite.all(sql, [JSON.stringify(ids)]).map((row) => this.#forget(row));
    });
  }

  /** How the last tasks ended, and where, oldest first. */
  endings(): [taskId: string, status: string, engineId: number][] {
    const sql = `SELECT id, status, engine FROM tasks WHERE ended NOT NULL ORDER BY ended DESC LIMIT ${ENDINGS}`;
    const rows = this.#sqlite.all(sql).reverse();
    return rows.map(({ id, status, engine }) => [String(id), String(status), Number(engine)]);
  }

  /** How many tasks each engine has completed; from now on, of the engines of an earlier cluster, nothing. */
  counts(isRestart: boolean): [engineUuid: string, count: number][] {
    if (!isRestart) this.#sqlite.exec("DELETE FROM engines");
    const rows = this.#sqlite.all("SELECT uuid, completed FROM engines");
    return rows.map(({ uuid, completed }) => [String(uuid), Number(completed)]);
  }

  /** Everything of the tasks that have not ended, in the order in which they came. */
  unfinished(): StoredRow[] {
    const sql = "SELECT record, output, shown, request FROM tasks WHERE ended IS NULL ORDER BY sequence";
    return this.#sqlite.all(sql) as StoredRow[];
  }

  close(): void {
    this.#sqlite.close();
  }

  #write({ id, isNew, columns, ends, growth }: Change): void {
    const names = Object.keys(columns);
    const values = Object.values(columns);
    if (ends) {
      names.push("ended");
      values.push(++this.#lastEnd);
    }
    const set = names.map((name) => `${name} = ?`).join(", ");
    const marks = ["?", ...names.map(() => "?")].join(", ");
    const changed = isNew
      ? this.#sqlite.run(`INSERT OR IGNORE INTO tasks (${["id", ...names].join(", ")}) VALUES (${marks})`, [
          id,
          ...values,
        ])
      : this.#sqlite.run(`UPDATE tasks SET ${set} WHERE id = ?`, [...values, id]);
    // What was forgotten meanwhile stays so.
    if (changed === 0) return;
    this.#bytes += growth;
    if (ends) this.#records++;
  }

  #cull(): Outcome[] {
    const outcomes: Outcome[] = [];
    while (this.#records > this.#limits.records || this.#bytes > this.#limits.bytes) {
      const sql = "SELECT sequence, bytes, record FROM tasks WHERE ended NOT NULL ORDER BY ended LIMIT 1";
      const [row] = this.#sqlite.all(sql);
      if (row === undefined) break;
      outcomes.push(this.#forget(row));
    }
    return outcomes;
  }

  #forget({ sequence, bytes, record }: Row): Outcome {
    this.#sqlite.run("DELETE FROM tasks WHERE sequence = ?", [sequence as number]);
    this.#records--;
    this.#bytes -= Number(bytes);
    return unpack<TaskRecord>(record as Uint8Array).outcome as Outcome;
  }
}

const COUNT =
  "INSERT INTO engines VALUES (?, ?) ON CONFLICT (uuid) DO UPDATE SET completed = completed + excluded.completed";
const IDS = "SELECT value FROM json_each(?)";
const COLUMNS: Readonly<Record<string, string>> = { submitted: "submitted", engineId: "engine", status: "status" };
const SIGNS: Readonly<Record<string, string>> = { $lt: "<", $gt: ">", $lte: "<=", $gte: ">=", $eq: "=" };

/** What SQL can say of a query, so that fewer records are looked at; it never leaves out one that matches. */
function prefilter(query: TaskQuery): { readonly condition: string; readonly values: (string | number)[] } {
  let condition = "";
  const values: (string | number)[] = [];
  const ids = idsOf(query);
  if (ids !== undefined) {
    condition += ` AND id IN (${IDS})`;
    values.push(JSON.stringify(ids));
  }
  for (const [key, column] of Object.entries(COLUMNS)) {
    const asked = query[key];
    const operators = typeof asked === "object" && asked !== null ? asked : { $eq: asked };
    for (const [operator, value] of Object.entries(operators)) {
      const sign = SIGNS[operator];
      if (sign === undefined || typeof value !== (key === "status" ? "string" : "number")) continue;
      condition += ` AND ${column} ${sign} ?`;
      values.push(value as string | number);
    }
  }
  return { condition, values };
}
