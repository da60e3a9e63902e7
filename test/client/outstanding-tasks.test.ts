/** What is in flight is found by its id until it is taken, in whatever order tasks end; the link is held meanwhile. */

import { expect, test } from "vitest";
import { OutstandingTasks } from "../../src/client/outstanding-tasks.ts";
import { ClientTask } from "../../src/client/task.ts";

function outstanding() {
  let held = 0;
  const tasks = new OutstandingTasks("0a-", { hold: () => held++, release: () => held-- });
  return { tasks, held: () => held };
}

const task = (number: number, prefix = "0a-"): ClientTask => new ClientTask({ prefix, engineId: -1 }, number);

/** Park and Miller's generator, so that every run ends its tasks in the same order. */
function* numbersBelow(limit: number): Generator<number, never> {
  for (let state = 7; ; ) {
    state = (state * 48_271) % 2_147_483_647;
    yield state % limit;
  }
}

test("20,000 tasks that end in any order, with some of others among them, are found as in a Map", () => {
  const { tasks, held } = outstanding();
  const expected = new Map<string, ClientTask>();
  const chance = numbersBelow(100);
  let next = 0;
  for (let step = 0; step < 60_000; step++) {
    const isGrowing = step % 20_000 < 10_000;
    if (chance.next().value < (isGrowing ? 70 : 30)) {
      const isOwn = chance.next().value < 95;
      // Some numbers are given to tasks that are never sent.
      if (isOwn && chance.next().value < 5) next++;
      const added = task(next, isOwn ? "0a-" : "0b-");
      tasks.add(added);
      expected.set(added.id, added);
      next++;
    } else {
      // Mostly one of the oldest, as where a few take long.
      const ids = expected.keys();
      let id = ids.next().value;
      for (let skipped = chance.next().value; skipped > 0; skipped--) id = ids.next().value ?? id;
      if (id === undefined) continue;
      const taken = expected.get(id) as ClientTask;
      const seen = [tasks.get(id) === taken, tasks.take(taken), tasks.take(taken), tasks.has(id)];
      if (seen.join() !== "true,true,false,false") expect(seen).toEqual([true, true, false, false]);
      expected.delete(id);
    }
    if (step % 10_000 === 0) expect(new Set(tasks.keys())).toEqual(new Set(expected.keys()));
    if (tasks.size !== expected.size || held() !== (expected.size > 0 ? 1 : 0)) {
      expect([tasks.size, held()]).toEqual([expected.size, expected.size > 0 ? 1 : 0]);
    }
  }
  expect(next).toBeGreaterThan(20_000);
  const all = [...expected.values()];
  expect(new Set(tasks.takeAll())).toEqual(new Set(all));
  expect([tasks.size, held()]).toEqual([0, 0]);
});

test("a task that takes long is found after 100,000 later ones, and new ones after it", () => {
  const { tasks, held } = outstanding();
  const long = task(0);
  tasks.add(long);
  let taken = 0;
  for (let number = 1; number <= 100_000; number++) {
    const short = task(number);
    tasks.add(short);
    if (tasks.take(short)) taken++;
  }
  expect(taken).toBe(100_000);
  expect([...tasks.keys()]).toEqual(["0a-0"]);
  tasks.add(task(100_001));
  expect(tasks.get("0a-0")).toBe(long);
  expect(tasks.get("0a-100001")?.id).toBe("0a-100001");
  expect([tasks.get("0a-1"), tasks.get("0a-"), tasks.get("0a-007"), tasks.get("x")]).toEqual(
    new Array(4).fill(undefined),
  );
  expect([tasks.size, held()]).toEqual([2, 1]);
});
