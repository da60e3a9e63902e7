/** The database in memory remembers tasks of runs as it does any others, within the same limits. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Connection } from "../../src/channel/connection.ts";
import { MemoryDatabase } from "../../src/controller/memory-database.ts";
import { AnsweredRun, SubmittedRun } from "../../src/controller/run-columns.ts";
import { newRecord } from "../../src/controller/task-record.ts";
import type { Run } from "../../src/protocol/runs.ts";

const CLIENT = { uuid: "c", connection: {} as Connection, isNested: false };
const LIMITS = { records: 6, bytes: 40 };

function submitted(ids: readonly number[]): SubmittedRun {
  const parts = { prefix: "c-", ids, numbers: [ids.map(() => 5)], lengths: ids.map(() => 0), bytes: new Uint8Array(0) };
  return new SubmittedRun({ type: "run", of: "submitBalanced", common: { operation: "apply" }, ...parts }, CLIENT);
}

/** Each result has as many bytes as its number says, up to 9. */
function answered(ids: readonly number[]): AnsweredRun {
  const lengths = ids.map((id) => id % 10);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  const numbers = [ids, ids, ids];
  return new AnsweredRun({ type: "run", of: "result", common: {}, prefix: "c-", ids, numbers, lengths, bytes } as Run);
}

/** What must be remembered, kept one by one. */
class Model {
  /** In the order in which they came: bytes of those that have ended. */
  readonly known = new Map<number, number | undefined>();
  #finished: number[] = [];

  get open(): number[] {
    return [...this.known.keys()].filter((id) => this.known.get(id) === undefined);
  }

  get ended(): number[] {
    return this.#finished;
  }

  get bytes(): number {
    return this.#finished.reduce((sum, id) => sum + (this.known.get(id) as number), 0);
  }

  finish(id: number, bytes: number): void {
    this.known.set(id, bytes);
    this.#finished.push(id);
  }

  write(id: number, bytes: number): void {
    const had = this.known.get(id);
    if (had !== undefined) this.known.set(id, had + bytes);
  }

  cull(): void {
    while (this.#finished.length > LIMITS.records || this.bytes > LIMITS.bytes) this.drop(this.#finished[0] as number);
  }

  drop(id: number): void {
    this.known.delete(id);
    this.#finished = this.#finished.filter((each) => each !== id);
  }
}

test("whatever comes, ends, writes and is dropped, as much is remembered as of tasks one by one", async () => {
  const action = fc.record({
    what: fc.constantFrom("run", "run", "single", "answer", "answer", "finish", "write", "drop"),
    at: fc.nat(20),
    count: fc.integer({ min: 1, max: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const database = new MemoryDatabase(LIMITS);
      const model = new Model();
      const written = new Map<number, number>();
      let next = 0;
      for (const { what, at, count } of actions) {
        const open = model.open;
        const id = open[at % Math.max(1, open.length)];
        if (what === "run") {
          const ids = Array.from({ length: count }, () => (next += 1 + (at % 2)));
          expect(database.addRun(submitted(ids))).toBe(true);
          expect(database.addRun(submitted([ids[0] as number, next + 50]))).toBe(false);
          for (const each of ids) model.known.set(each, undefined);
        } else if (what === "single") {
          database.add(newRecord({ taskId: `c-${++next}`, operation: "apply", submitted: 5 }, "c"));
          expect(database.addRun(submitted([next, next + 50]))).toBe(false);
          model.known.set(next, undefined);
        } else if (what === "answer" && id !== undefined) {
          const member = database.runMember(`c-${id}`);
          if (member === undefined) continue;
          const { group } = member;
          const places = Int32Array.from(
            Array.from(group.ids, (_, place) => place).filter((place) => place >= member.place && group.isOpen(place)),
          ).subarray(0, count);
          const ids = Array.from(places, (place) => group.ids[place] as number);
          group.answer(places, answered(ids), 0);
          database.finishRun(group, places);
          for (const each of ids) model.finish(each, (each % 10) + (written.get(each) ?? 0));
        } else if (what === "finish" && id !== undefined) {
          database.runMember(`c-${id}`)?.group.end(database.runMember(`c-${id}`)?.place ?? -1);
          database.finish(`c-${id}`, { status: "ok", payload: new Uint8Array(3) }, []);
          model.finish(id, 3 + (written.get(id) ?? 0));
        } else if (what === "write") {
          const some = [...model.known.keys()][at % Math.max(1, model.known.size)];
          if (some === undefined) continue;
          database.addOutput(`c-${some}`, "stdout", "ab");
          written.set(some, (written.get(some) ?? 0) + 2);
          model.write(some, 2);
        } else if (what === "drop") {
          const some = model.ended[at % Math.max(1, model.ended.length)];
          await database.drop([`c-${some ?? 0}`, ...(id === undefined ? [] : [`c-${id}`])]);
          if (some !== undefined) model.drop(some);
        }
        model.cull();
        expect([database.size, database.bytes]).toEqual([model.known.size, model.bytes]);
        // Who looks at tasks makes them tasks by themselves: not each time.
        if (at % 4 > 0) continue;
        expect(await database.history()).toEqual([...model.known.keys()].map((each) => `c-${each}`));
        for (const [each, bytes] of model.known) {
          const record = await database.fetch(`c-${each}`);
          expect([record?.outcome !== undefined, record?.stdout.length]).toEqual([
            bytes !== undefined,
            written.get(each) ?? 0,
          ]);
        }
      }
    }),
    { numRuns: 150 },
  );
});
