/** Who needs which buffers: each is freed once, when the last that needed it has let go, and not before. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferLedger } from "../../src/controller/buffer-ledger.ts";
import type { BufferDescriptor } from "../../src/protocol/data-messages.ts";

function place(id: number, owner = "owner"): BufferDescriptor {
  return { owner, id, offset: 0, byteLength: 70_000 };
}

function ledgerWithNews() {
  const freed: [string, number, number][] = [];
  const reclaimed: [string, string, number][] = [];
  const ledger = new BufferLedger(
    (...news) => freed.push(news),
    (...news) => reclaimed.push(news),
  );
  return { ledger, freed, reclaimed };
}

describe("a buffer", () => {
  test("that nobody takes up is freed when its message has been handled", () => {
    const { ledger, freed } = ledgerWithNews();
    const message = { places: [place(1), null, place(2)] };
    ledger.arrive("owner", message);
    expect(ledger.size).toBe(2);
    ledger.drop(message);
    expect(freed).toEqual([
      ["owner", 1, 1],
      ["owner", 2, 1],
    ]);
    expect(ledger.size).toBe(0);
  });

  test("stays until the task, every receiver and the record have let go", () => {
    const { ledger, freed } = ledgerWithNews();
    const message = { places: [place(7)] };
    ledger.arrive("owner", message);
    ledger.hold(message);
    ledger.drop(message);
    ledger.deliver("a", message);
    ledger.deliver("b", message);
    ledger.deliver("b", message);
    ledger.drop(message);
    ledger.released("a", "owner", [7]);
    ledger.released("b", "owner", [7]);
    expect(freed).toEqual([]);
    ledger.released("b", "owner", [7, 7]);
    expect(freed).toEqual([["owner", 7, 1]]);
  });

  test("is let go by receivers that have ended, and forgotten with its owner", () => {
    const { ledger, freed } = ledgerWithNews();
    const message = { places: [place(1)] };
    ledger.arrive("owner", message);
    ledger.deliver("a", message);
    ledger.deliver("b", message);
    ledger.drop(message);
    expect(ledger.gone("a")).toEqual([]);
    expect(freed).toEqual([]);
    expect(ledger.gone("owner")).toEqual(["b"]);
    ledger.released("b", "owner", [1]);
    expect(freed).toEqual([]);
    expect(ledger.size).toBe(0);
  });

  test("of which the owner sent a descriptor again is freed with the number that had come", () => {
    const { ledger, freed } = ledgerWithNews();
    const message = { places: [place(1)] };
    ledger.arrive("owner", message);
    ledger.arrive("owner", message);
    ledger.drop(message);
    ledger.drop(message);
    ledger.arrive("owner", message);
    ledger.drop(message);
    expect(freed).toEqual([
      ["owner", 1, 2],
      ["owner", 1, 1],
    ]);
  });

  test("that its owner wants back is asked for wherever it is, and wherever it comes later", () => {
    const { ledger, reclaimed } = ledgerWithNews();
    const message = { places: [place(1), place(2)] };
    ledger.arrive("owner", message);
    ledger.deliver("a", message);
    ledger.reclaim("owner", [1, 99]);
    expect(reclaimed).toEqual([["a", "owner", 1]]);
    ledger.deliver("b", message);
    expect(reclaimed).toEqual([
      ["a", "owner", 1],
      ["b", "owner", 1],
    ]);
  });
});

test("whatever happens in whatever order, what is needed is there and what is not is freed, once", () => {
  const step = fc.record({
    what: fc.constantFrom("arrive", "hold", "drop", "deliver", "release", "receiverGone"),
    id: fc.nat({ max: 3 }),
    receiver: fc.constantFrom("a", "b"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const needed = new Map<number, number>();
      const received = new Map<string, number>();
      const freed: number[] = [];
      let due: number[] = [];
      const ledger = new BufferLedger((_, id) => freed.push(id));
      const change = (id: number, by: number): void => {
        const count = (needed.get(id) ?? 0) + by;
        if (count > 0) needed.set(id, count);
        else if (needed.delete(id)) due = [...due, id];
      };
      for (const { what, id, receiver } of steps) {
        const message = { places: [place(id)] };
        const key = `${receiver} ${id}`;
        const isThere = needed.has(id);
        if (what === "arrive") {
          ledger.arrive("owner", message);
          change(id, 1);
        } else if (what === "hold" && isThere) {
          ledger.hold(message);
          change(id, 1);
        } else if (
          what === "drop" &&
          (needed.get(id) ?? 0) > (received.get(`a ${id}`) ?? 0) + (received.get(`b ${id}`) ?? 0)
        ) {
          ledger.drop(message);
          change(id, -1);
        } else if (what === "deliver" && isThere) {
          ledger.deliver(receiver, message);
          received.set(key, (received.get(key) ?? 0) + 1);
          change(id, 1);
        } else if (what === "release") {
          ledger.released(receiver, "owner", [id]);
          if ((received.get(key) ?? 0) > 0) {
            received.set(key, (received.get(key) as number) - 1);
            change(id, -1);
          }
        } else if (what === "receiverGone") {
          ledger.gone(receiver);
          for (let other = 0; other <= 3; other++) {
            const count = received.get(`${receiver} ${other}`) ?? 0;
            received.delete(`${receiver} ${other}`);
            if (count > 0) change(other, -count);
          }
        }
        expect(ledger.size).toBe(needed.size);
      }
      expect(freed.sort()).toEqual(due.sort());
    }),
  );
});
