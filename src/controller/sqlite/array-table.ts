/** The arrays that the hub keeps, in SQL: in pieces. */

import { SerializationError } from "../../errors.ts";
import { PIECE_BYTES } from "../array-store.ts";
import type { Sqlite } from "./driver.ts";

const SCHEMA = `CREATE TABLE IF NOT EXISTS arrays (
  id INTEGER NOT NULL, piece INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (id, piece)
);`;

export class ArrayTable {
  readonly #sqlite: Sqlite;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
    sqlite.exec(SCHEMA);
  }

  get isEmpty(): boolean {
    return this.#sqlite.all("SELECT 1 FROM arrays LIMIT 1").length === 0;
  }

  write(id: number, offset: number, bytes: Uint8Array): void {
    this.#sqlite.run("INSERT INTO arrays VALUES (?, ?, ?)", [id, Math.floor(offset / PIECE_BYTES), bytes]);
  }

  /** @throws SerializationError when it is not there. */
  read(id: number, offset: number, byteLength: number): Uint8Array {
    const found: Uint8Array[] = [];
    for (let at = offset; at < offset + byteLength; ) {
      const inPiece = at % PIECE_BYTES;
      const wanted = Math.min(PIECE_BYTES - inPiece, offset + byteLength - at);
      const sql = "SELECT substr(bytes, ?, ?) AS part FROM arrays WHERE id = ? AND piece = ?";
      const [row] = this.#sqlite.all(sql, [inPiece + 1, wanted, id, Math.floor(at / PIECE_BYTES)]);
      // libsql gives an ArrayBuffer.
      const part = row && new Uint8Array(row["part"] as Uint8Array);
      if (part?.byteLength !== wanted) throw new SerializationError(`array ${id} is not kept any more`);
      found.push(part);
      at += wanted;
    }
    return found.length === 1 ? (found[0] as Uint8Array) : Buffer.concat(found);
  }

  drop(ids: readonly number[]): void {
    this.#sqlite.run("DELETE FROM arrays WHERE id IN (SELECT value FROM json_each(?))", [JSON.stringify(ids)]);
  }

  /** Forgets all others. */
  keepOnly(ids: readonly number[]): void {
    this.#sqlite.run("DELETE FROM arrays WHERE id NOT IN (SELECT value FROM json_each(?))", [JSON.stringify(ids)]);
  }
}
