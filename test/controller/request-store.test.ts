/** What tasks were sent with is kept for a while, the oldest goes first. */

import { expect, test } from "vitest";
import { RequestStore } from "../../src/controller/request-store.ts";
import type { SubmitBalanced } from "../../src/protocol/messages.ts";

function submission(taskId: string, byteLength = 10): SubmitBalanced {
  const request = { kind: "f", units: 1 };
  const payload = new Uint8Array(byteLength).fill(7);
  return { type: "submitBalanced", taskId, operation: "apply", submitted: 1, request, payload };
}

test("the latest 4,096 are kept", () => {
  const store = new RequestStore();
  for (let i = 0; i < 40_000; i++) store.add(submission(`t-${i}`), []);
  expect(store.size).toBe(4_096);
  expect(store.get("t-39999")?.message.payload).toEqual(new Uint8Array(10).fill(7));
  expect(store.get(`t-${40_000 - 4_096}`)).toBeDefined();
  expect(store.get(`t-${40_000 - 4_097}`)).toBeUndefined();
});

test("never more than 32 MiB, nor a task of more than 1 MiB", () => {
  const store = new RequestStore();
  const mebibyte = 1024 * 1024;
  for (let i = 0; i < 40; i++) store.add(submission(`t-${i}`, mebibyte), []);
  expect(store.size).toBe(32);
  expect(store.get("t-8")).toBeDefined();
  expect(store.get("t-7")).toBeUndefined();
  store.add(submission("large", mebibyte + 1), []);
  expect(store.get("large")).toBeUndefined();
});

test("what was deleted and sent again is as young as its last submission", () => {
  const store = new RequestStore();
  store.add(submission("again"), []);
  store.delete("again");
  for (let i = 0; i < 3_800; i++) store.add(submission(`t-${i}`), []);
  store.add(submission("again"), []);
  for (let i = 3_800; i < 7_800; i++) store.add(submission(`t-${i}`), []);
  expect(store.get("again")).toBeDefined();
  expect(store.size).toBe(4_096);
});
