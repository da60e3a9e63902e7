/** A controller that takes the place of another one: whoever asks for what may still come back waits. */

import { expect, test } from "vitest";
import type { FetchPiece } from "../../src/protocol/data-messages.ts";
import { FakeClient, Hub, settle } from "./fakes.ts";

const question = (owner: string): FetchPiece => ({
  type: "fetchPiece",
  requestId: 7,
  owner,
  id: 1,
  offset: 0,
  byteLength: 8,
});

test("bytes of a process that is not back yet are asked for when it is", async () => {
  const hub = new Hub({ isRestart: true, patience: 60_000 });
  const client = await hub.client();
  client.connection.send(question("late"));
  await settle();
  expect(client.all("pieceRefused")).toEqual([]);
  const late = new FakeClient(hub.controller, "late");
  await settle();
  expect(late.recorder.messages.map(({ type }) => type)).toEqual(["welcome", "fetchPiece"]);
  expect(late.all("fetchPiece")).toEqual([{ ...question("late"), from: client.uuid }]);
  // Who has come and gone does not come again.
  await late.die();
  client.connection.send({ ...question("late"), requestId: 8 });
  await settle();
  expect(client.all("pieceRefused").map(({ requestId }) => requestId)).toEqual([8]);
});

test("but only as long as somebody may come back, and never by a controller that is the first", async () => {
  const hub = new Hub({ isRestart: true, patience: 50 });
  const client = await hub.client();
  client.connection.send(question("nobody"));
  while (client.all("pieceRefused").length === 0) await settle();
  expect(client.all("pieceRefused")).toMatchObject([{ requestId: 7, error: { name: "ConnectionError" } }]);
  const other = await new Hub({ patience: 60_000 }).client();
  other.connection.send(question("nobody"));
  await settle();
  expect(other.all("pieceRefused")).toHaveLength(1);
});

test("a task that nobody knows yet is waited for, until its client is back or no longer expected", async () => {
  const hub = new Hub({ isRestart: true, patience: 60_000 });
  const client = await hub.client();
  const asked = await client.ask({ method: "result", taskId: "late-0" });
  expect(client.answerTo(asked)).toBeUndefined();
  const late = new FakeClient(hub.controller, "late");
  await late.submit({ "late-0": 0 });
  await settle();
  expect(client.answerTo(asked)?.value).toBe("pending");
  const short = await new Hub({ isRestart: true, patience: 50 }).client();
  const unknown = await short.ask({ method: "result", taskId: "never" });
  while (short.answerTo(unknown) === undefined) await settle();
  expect(short.answerTo(unknown)?.value).toBe("unknown");
});
