/** For tests: one of every message there is, and random ones. */

import fc from "fast-check";
import type { BufferPlaces } from "../../src/protocol/data-messages.ts";
import type { Message, Outcome } from "../../src/protocol/messages.ts";

const PAYLOAD = Uint8Array.of(1, 2, 3, 250);
const ENGINE = { engineId: 3, uuid: "e-3", pid: 4711, engineSet: "set-1", host: "here" };
const OUTCOME: Outcome = {
  status: "ok",
  started: 1_700_000_000_123,
  completed: 1_700_000_000_456.25,
  payload: PAYLOAD,
};
const FAILED: Outcome = {
  status: "error",
  error: { kind: "remote", name: "TypeError", message: "bad ü", stack: "at f" },
};

const PLACES: BufferPlaces = [
  { owner: "e-3", id: 12, offset: 0, byteLength: 2 ** 34 },
  null,
  { owner: "c-1", id: 0, offset: 64, byteLength: 65_536, key: "sha" },
  {
    owner: "c-1",
    id: 1,
    offset: 4096,
    byteLength: 65_536,
    shared: { pid: 4711, fd: 30, inode: 2 ** 40, offset: 8192, byteLength: 65_536, generation: 2 ** 51 + 1 },
  },
];

/** At least one example of each type; the compiler sees to it that none is missing. */
export const EXAMPLES: { readonly [T in Message["type"]]: readonly Extract<Message, { type: T }>[] } = {
  goodbye: [{ type: "goodbye" }],
  recorded: [{ type: "recorded", count: 3 }],
  remember: [
    {
      type: "remember",
      memory: {
        nextEngineId: 3,
        nextSet: 2,
        sets: [
          { name: "set-1", count: 2, env: { A: "b" }, alive: ["u"], starting: [], unwanted: ["u"], failed: "why" },
        ],
        engines: [{ engineId: 2, uuid: "u", pid: 7, engineSet: "set-1" }],
      },
    },
  ],
  resume: [{ type: "resume", taskIds: ["a-1", "a-2"] }],
  resumed: [{ type: "resumed", unknown: ["a-2"] }],
  hello: [
    { type: "hello", role: "client", uuid: "c-1" },
    { type: "hello", role: "engine", uuid: "e-1", pid: 1, agentUuid: "a-1", engineSet: "set-1" },
    { type: "hello", role: "agent", uuid: "a-1", pid: 65_536, host: "hôte" },
  ],
  welcome: [
    { type: "welcome", clusterId: "k" },
    { type: "welcome", clusterId: "k", engineId: 0 },
    { type: "welcome", clusterId: "k", engineId: undefined, engines: [ENGINE, { ...ENGINE, engineId: 4 }] },
  ],
  submit: [
    {
      type: "submit",
      taskIds: ["t-1", "t-2"],
      engineIds: [0, 300],
      operation: "map",
      submitted: 1_700_000_000_000,
      label: undefined,
      payload: PAYLOAD,
    },
    {
      type: "submit",
      taskIds: [],
      engineIds: [],
      operation: "push",
      submitted: 0.5,
      label: "ラベル",
      payload: new Uint8Array(0),
    },
  ],
  request: [
    {
      type: "request",
      requestId: 0,
      request: { method: "startEngines", count: 4, env: { "A-B": "1", constructor: "c" } },
    },
    { type: "request", requestId: 1, request: { method: "stopEngines", engineSet: undefined } },
    { type: "request", requestId: 2, request: { method: "restartEngines", engineSet: "set-2" } },
    { type: "request", requestId: 3, request: { method: "signalEngines", signal: 15 } },
    { type: "request", requestId: 4, request: { method: "signalEngines", signal: "SIGINT", engineSet: "set-1" } },
    { type: "request", requestId: 5, request: { method: "shutdown" } },
    { type: "request", requestId: 6, request: { method: "abort", taskIds: ["t-1"], engineIds: undefined } },
    { type: "request", requestId: 7, request: { method: "queueStatus" } },
    { type: "request", requestId: 7, request: { method: "resultStatus", taskIds: ["t-1"] } },
    { type: "request", requestId: 7, request: { method: "history" } },
    {
      type: "request",
      requestId: 7,
      request: { method: "query", query: { label: { $in: ["a", null] } }, keys: ["data"] },
    },
    { type: "request", requestId: 7, request: { method: "purge", taskIds: undefined, engineIds: [0] } },
    { type: "request", requestId: 7, request: { method: "resubmit", taskIds: ["t-1"], newIds: ["t-9"] } },
    { type: "request", requestId: 8, request: { method: "status" } },
    { type: "request", requestId: 2 ** 40, request: { method: "result", taskId: "t-1" } },
  ],
  reply: [
    { type: "reply", requestId: 7, value: { engines: [{ engineId: 0, queued: ["a"], running: [], completed: 12 }] } },
    { type: "reply", requestId: 8, value: undefined },
    { type: "reply", requestId: 9, error: { kind: "range", name: "RangeError", message: "no such set" } },
  ],
  engineUp: [{ type: "engineUp", engine: ENGINE }],
  engineDown: [{ type: "engineDown", engineId: 3, uuid: "e-3", reason: "killed\nlast words" }],
  engineSetStopped: [{ type: "engineSetStopped", engineSet: "set-1", reason: "" }],
  task: [{ type: "task", taskId: "t-1", payload: new Uint8Array(70_000).fill(7) }],
  abortTasks: [{ type: "abortTasks", taskIds: ["t-1", "t-2"] }],
  submitBalanced: [
    {
      type: "submitBalanced",
      taskId: "t-1",
      operation: "apply",
      submitted: 1_753_000_000_000,
      label: "fit",
      request: {
        kind: "f",
        units: 12,
        priority: -1,
        targets: [0, 3],
        resources: { gpu: 0.5 },
        after: { taskIds: ["t-0"], all: false, success: true, failure: true },
        timeout: 1_000,
        retries: { death: 3, error: 1, backoff: 10, place: "other" },
      },
      payload: PAYLOAD,
    },
  ],
  recallTasks: [{ type: "recallTasks", taskIds: ["t-1", "t-2"] }],
  recalled: [{ type: "recalled", taskIds: ["t-1"], kept: ["t-2"] }],
  waitingTasks: [{ type: "waitingTasks", taskIds: [] }],
  heartbeat: [{ type: "heartbeat" }],
  engineStopped: [{ type: "engineStopped", uuid: "e-1", stopped: true }],
  result: [
    { type: "result", taskId: "t-1", engineId: 3, engineUuid: "e-3", outcome: OUTCOME },
    { type: "result", taskId: "t-2", engineId: 3, engineUuid: "e-3", outcome: FAILED },
    { type: "result", taskId: "t-3", engineId: 3, engineUuid: "e-3", outcome: { status: "aborted" } },
    { type: "result", taskId: "t-4", engineId: 3, engineUuid: "e-3", outcome: { ...OUTCOME, places: PLACES } },
  ],
  noted: [
    { type: "noted", taskId: "t-1", operation: "apply", submitted: 1.5e12, engineId: -1 },
    {
      type: "noted",
      taskId: "t-1",
      operation: "execute",
      submitted: 1.5e12,
      received: 1.5e12 + 1,
      engineId: 3,
      label: "größe",
      after: ["t-0"],
      follow: [],
    },
  ],
  output: [{ type: "output", taskId: "t-1", stream: "stderr", text: "😀 line\n".repeat(3_000) }],
  published: [
    { type: "published", taskId: "t-1", payload: PAYLOAD },
    { type: "published", taskId: "t-1", payload: PAYLOAD, places: PLACES },
  ],
  interruptEngine: [
    { type: "interruptEngine", uuid: "e-1", order: { taskIds: ["t-1"] } },
    { type: "interruptEngine", uuid: "e-1", order: { signal: "SIGINT" } },
  ],
  clearNamespace: [{ type: "clearNamespace", orderId: 7 }],
  controlDone: [
    { type: "controlDone", orderId: 7 },
    { type: "controlDone", orderId: 8, error: { kind: "type", name: "TypeError", message: "no" } },
  ],
  displayed: [
    { type: "displayed", taskId: "t-1", payload: PAYLOAD },
    { type: "displayed", taskId: "t-1", payload: PAYLOAD, places: PLACES },
  ],
  spawnEngines: [{ type: "spawnEngines", engineSet: "set-1", uuids: ["e-1", "e-2"], env: {} }],
  killEngines: [{ type: "killEngines", uuids: [] }],
  signalEngines: [{ type: "signalEngines", uuids: ["e-1"], signal: "SIGUSR1" }],
  stopAgent: [{ type: "stopAgent" }],
  fetchPiece: [
    { type: "fetchPiece", requestId: 7, owner: "e-1", id: 4, offset: 2 ** 33, byteLength: 65_536 },
    { type: "fetchPiece", requestId: 0, owner: "c-1", id: 0, offset: 0, byteLength: 0, from: "e-1" },
  ],
  piece: [
    { type: "piece", requestId: 7 },
    { type: "piece", requestId: 0, to: "e-1" },
  ],
  pieceRefused: [
    {
      type: "pieceRefused",
      requestId: 3,
      error: { kind: "serialization", name: "SerializationError", message: "it is gone" },
      to: "e-1",
    },
  ],
  locate: [
    { type: "locate", requestId: 1, owner: "c-1" },
    { type: "locate", requestId: 2, owner: "c-1", from: "e-1" },
  ],
  located: [
    { type: "located", requestId: 1, host: "127.0.0.1", port: 65_535, to: "e-1" },
    { type: "located", requestId: 2 },
  ],
  releaseBuffers: [{ type: "releaseBuffers", released: [{ owner: "c-1", ids: [0, 1, 1, 2 ** 40] }] }],
  freeBuffers: [{ type: "freeBuffers", ids: [0, 5], uses: [1, 300] }],
  reclaimBuffers: [{ type: "reclaimBuffers", owner: "c-1", ids: [0, 7] }],
  ownerGone: [{ type: "ownerGone", owner: "e-1" }],
  engineExited: [{ type: "engineExited", uuid: "e-1", engineSet: "set-1", reason: "its process exited with code 1" }],
  fetchKept: [
    { type: "fetchKept", requestId: 1, owner: "e-3", id: 7, from: "e-4" },
    { type: "fetchKept", requestId: 2, owner: "e-3", id: 0, start: 10, stop: 20 },
  ],
  keptArrived: [
    { type: "keptArrived", requestId: 1, to: "e-4", payload: PAYLOAD, places: PLACES },
    { type: "keptArrived", requestId: 2, to: "e-4", error: { kind: "engine", name: "EngineError", message: "gone" } },
  ],
  releaseKept: [{ type: "releaseKept", owner: "e-3", ids: [0, 7] }],
  clientGone: [{ type: "clientGone", client: "c-1" }],
};

export const ALL_EXAMPLES: readonly Message[] = Object.values(EXAMPLES).flat();

/** Without the long ones, which make random tests slow. */
const SHORT_EXAMPLES = ALL_EXAMPLES.filter(({ type }) => type !== "task" && type !== "output");

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const texts = fc.array(text, { maxLength: 5 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const time = fc.double({ min: 0, max: 4e12, noNaN: true }).map((value) => value + 0);
const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => new Uint8Array(value));
const env = fc.dictionary(
  text.filter((key) => key !== "__proto__"),
  text,
  { noNullPrototype: true, maxKeys: 80 },
);

const outcome: fc.Arbitrary<Outcome> = fc.record(
  {
    status: fc.constantFrom("ok", "error", "aborted"),
    started: time,
    completed: time,
    payload: bytes,
    error: fc.record({ kind: fc.constantFrom("remote", "engine"), name: text, message: text, stack: text }),
  },
  { requiredKeys: ["status"], noNullPrototype: true },
);

/** Random messages of the kinds that carry what users and programs chose. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.constantFrom(...SHORT_EXAMPLES),
  fc.record(
    {
      type: fc.constant("submit" as const),
      taskIds: texts,
      engineIds: fc.array(count),
      operation: fc.constantFrom("apply", "map", "pull"),
      submitted: time,
      label: text,
      payload: bytes,
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { type: fc.constant("result" as const), taskId: text, engineId: count, engineUuid: text, outcome },
    { noNullPrototype: true },
  ),
  fc.record(
    { type: fc.constant("spawnEngines" as const), engineSet: text, uuids: texts, env },
    { noNullPrototype: true },
  ),
  fc.record(
    { type: fc.constant("output" as const), taskId: text, stream: fc.constant("stdout" as const), text },
    { noNullPrototype: true },
  ),
);

/** Random messages, each with 0 to 4 buffers, some of them empty. */
export const anyEnvelopes = fc.array(
  fc.record({ message: anyMessage, buffers: fc.array(bytes, { maxLength: 4 }) }, { noNullPrototype: true }),
  { minLength: 1, maxLength: 8 },
);
