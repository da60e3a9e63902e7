/** The task database's table: what is written, asked and forgotten, in SQL. Answers at once; the thread around it does not. */

import { type CarriesBuffers, HUB } from "../../protocol/data-messages.ts";
import type { TaskDatabaseLimits } from "../task-database.ts";
import { compileQuery, idsOf, type TaskQuery } from "../task-query.ts";
import { holdings } from "../task-record.ts";
import { ArrayTable } from "./array-table.ts";
import { type Row, Sqlite } from "./driver.ts";
import { type Change, COLUMNS, PARTS, type Part, pack, partsFor, recordOf, type StoredRow } from "./rows.ts";

/** Rows that are looked at together. */
const PAGE = 4_096;
/** Endings that are told, for tasks that depend on them. */
const ENDINGS = 16_384;
/** The version of the table. */
const VERSION = 3;
/** New rows that are written by one statement. */
const TOGETHER = 16;

const SCHEMA = `CREATE TABLE IF NOT EXISTS tasks (
  sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, submitted REAL NOT NULL, engine INTEGER NOT NULL, status TEXT,
  ended INTEGER, bytes INTEGER NOT NULL DEFAULT 0, arrays INTEGER, record BLOB NOT NULL, output BLOB, shown BLOB, result BLOB, request BLOB
);
CREATE TABLE IF NOT EXISTS engines (uuid TEXT PRIMARY KEY, completed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks_by_end ON tasks (ended) WHERE ended IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_with_arrays ON tasks (arrays) WHERE arrays NOT NULL;
PRAGMA user_version=${VERSION};`;

export class SqliteStore {
  readonly #sqlite: Sqlite;
  readonly #arrays: ArrayTable;
  readonly #limits: TaskDatabaseLimits;
  #records: number;
  #bytes: number;
  #lastEnd: number;

  /** @throws Error when the file cannot be used. */
  constructor(file: string, limits: TaskDatabaseLimits) {
    this.#sqlite = new Sqlite(file);
    this.#limits = limits;
    const version = Number(this.#sqlite.all("PRAGMA user_version")[0]?.["user_version"]);
    if (version !== 0 && version !== VERSION) {
      const which = version > VERSION ? "a later" : "an earlier";
      throw new Error(`the task database ${file} was made by ${which} version of ndparallel: name another file`);
    }
    this.#sqlite.exec(SCHEMA);
    this.#arrays = new ArrayTable(this.#sqlite);
    [this.#records, this.#bytes] = this.#sums();
    this.#lastEnd = Number(this.#sqlite.all("SELECT max(ended) AS last FROM tasks")[0]?.["last"] ?? 0);
  }

  /** Gives what the records have held that went for it: the oldest, beyond the limits. */
  write(
    changes: readonly Change[],
    completed: readonly (readonly [engineUuid: string, count: number])[],
  ): CarriesBuffers[] {
    return this.#transaction(() => {
      const added = changes.filter(([, submitted]) => submitted !== null);
      let next = 0;
      for (; next + TOGETHER <= added.length; next += TOGETHER) this.#insert(added.slice(next, next + TOGETHER));
      for (; next < added.length; next++) this.#insert([added[next] as Change]);
      for (const change of changes) if (change[1] === null) this.#update(change);
      for (const [uuid, count] of completed) this.#sqlite.run(COUNT, [uuid, count]);
      return this.#cull();
    });
  }

  /** The records that match, oldest submission first, with these parts. */
  find(query: TaskQuery, parts: readonly Part[]): StoredRow[] {
    const matches = compileQuery(query);
    const asked = partsFor(Object.keys(query));
    const { condition, values } = prefilter(query);
    const columns = ["sequence", COLUMNS, ...asked].join(", ");
    const sql = `SELECT ${columns} FROM tasks WHERE sequence > ?${condition} ORDER BY sequence LIMIT ${PAGE}`;
    const found: Row[] = [];
    for (let last = -1, rows: Row[] | undefined; rows === undefined || rows.length === PAGE; ) {
      rows = this.#sqlite.all(sql, [last, ...values]);
      last = Number(rows.at(-1)?.["sequence"]);
      for (const row of rows) if (matches(recordOf(row as unknown as StoredRow))) found.push(row);
    }
    found.sort((a, b) => Number(a["submitted"]) - Number(b["submitted"]));
    const more = parts.filter((part) => !asked.includes(part));
    const rest = `SELECT ${more.join(", ")} FROM tasks WHERE sequence = ?`;
    return found.map((row) => {
      const [others = {}] = more.length === 0 ? [] : this.#sqlite.all(rest, [row["sequence"] as number]);
      return { ...row, ...others } as unknown as StoredRow;
    });
  }

  history(): string[] {
    return this.#sqlite.all("SELECT id FROM tasks ORDER BY submitted, sequence").map(({ id }) => String(id));
  }

  /** Forgets those that have ended, and gives what they held. */
  drop(ids: readonly string[]): CarriesBuffers[] {
    return this.#transaction(() => {
      const sql = `SELECT sequence, bytes, ${COLUMNS} FROM tasks WHERE ended NOT NULL AND id IN (${IDS})`;
      return this.#sqlite.all(sql, [JSON.stringify(ids)]).flatMap((row) => this.#forget(row));
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
    const sql = `SELECT ${COLUMNS}, output, shown, request FROM tasks WHERE ended IS NULL ORDER BY sequence`;
    return this.#sqlite.all(sql) as unknown as StoredRow[];
  }

  /** The records that hold arrays, or may; others that are here are forgotten. */
  holders(keepsArrays: boolean): StoredRow[] {
    if (!keepsArrays && this.#arrays.isEmpty) return [];
    const rows = this.#sqlite.all(`SELECT ${COLUMNS} FROM tasks WHERE arrays NOT NULL`) as unknown as StoredRow[];
    const places = rows.flatMap((row) => holdings(recordOf(row)).flatMap((held) => held.places ?? []));
    this.#arrays.keepOnly(places.flatMap((place) => (place?.owner === HUB ? place.id : [])));
    return rows;
  }

  writeArray(id: number, offset: number, bytes: Uint8Array): void {
    this.#arrays.write(id, offset, bytes);
  }

  /** @throws SerializationError when it is not there. */
  readArray(id: number, offset: number, byteLength: number): Uint8Array {
    return this.#arrays.read(id, offset, byteLength);
  }

  dropArrays(ids: readonly number[]): void {
    this.#arrays.drop(ids);
  }

  close(): void {
    this.#sqlite.close();
  }

  #transaction<T>(change: () => T): T {
    try {
      return this.#sqlite.transaction(change);
    } catch (error) {
      [this.#records, this.#bytes] = this.#sums();
      throw error;
    }
  }

  #insert(changes: readonly Change[]): void {
    const values = changes.flatMap(([id, submitted, engine, status, ends, bytes, , arrays, ...parts]) => {
      const blobs = PARTS.map((_, index) => packed(parts[index]));
      return [id, submitted, engine, status, ends ? ++this.#lastEnd : null, bytes, arrays ? 1 : null, ...blobs];
    });
    const rows = changes.map(() => ROW).join(", ");
    // What was forgotten meanwhile is not among them; what is there already stays as it is.
    const added = this.#sqlite.run(`INSERT OR IGNORE INTO tasks (${NAMES.join(", ")}) VALUES ${rows}`, values);
    if (added === changes.length) for (const change of changes) this.#count(change);
    else [this.#records, this.#bytes] = this.#sums();
  }

  #update(change: Change): void {
    const [id, , engine, status, ends, bytes, growth, arrays, ...parts] = change;
    const columns: Record<string, string | number | Uint8Array | null> = { engine, status };
    if (growth !== 0) columns["bytes"] = bytes;
    if (ends) columns["ended"] = ++this.#lastEnd;
    if (arrays) columns["arrays"] = 1;
    PARTS.forEach((part, index) => {
      columns[part] = packed(parts[index]);
    });
    const changed = Object.entries(columns).filter(([, value]) => value !== null);
    const set = changed.map(([name]) => `${name} = ?`).join(", ");
    const values = changed.map(([, value]) => value);
    // What was forgotten meanwhile stays so.
    if (this.#sqlite.run(`UPDATE tasks SET ${set} WHERE id = ?`, [...values, id]) > 0) this.#count(change);
  }

  #count([, , , , ends, , growth]: Change): void {
    this.#bytes += growth;
    if (ends) this.#records++;
  }

  /** How many tasks have ended, and how many bytes are kept of them. */
  #sums(): [records: number, bytes: number] {
    const sums = "SELECT count(*) AS records, total(bytes) AS bytes FROM tasks WHERE ended NOT NULL";
    const [row] = this.#sqlite.all(sums);
    return [Number(row?.["records"]), Number(row?.["bytes"])];
  }

  #cull(): CarriesBuffers[] {
    const held: CarriesBuffers[] = [];
    while (this.#records > this.#limits.records || this.#bytes > this.#limits.bytes) {
      const sql = `SELECT sequence, bytes, ${COLUMNS} FROM tasks WHERE ended NOT NULL ORDER BY ended LIMIT 1`;
      const [row] = this.#sqlite.all(sql);
      if (row === undefined) break;
      held.push(...this.#forget(row));
    }
    return held;
  }

  #forget(row: Row): CarriesBuffers[] {
    const { sequence, bytes } = row;
    this.#sqlite.run("DELETE FROM tasks WHERE sequence = ?", [sequence as number]);
    this.#records--;
    this.#bytes -= Number(bytes);
    return holdings(recordOf(row as unknown as StoredRow));
  }
}

const COUNT =
  "INSERT INTO engines VALUES (?, ?) ON CONFLICT (uuid) DO UPDATE SET completed = completed + excluded.completed";
const NAMES = ["id", "submitted", "engine", "status", "ended", "bytes", "arrays", ...PARTS];
const ROW = `(${NAMES.map(() => "?").join(", ")})`;
const IDS = "SELECT value FROM json_each(?)";
const COLUMN_OF: Readonly<Record<string, string>> = { submitted: "submitted", engineId: "engine", status: "status" };
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
  for (const [key, column] of Object.entries(COLUMN_OF)) {
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

function packed(part: readonly unknown[] | null | undefined): Uint8Array | null {
  return part == null ? null : pack(part);
}
