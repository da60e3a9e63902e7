/**
 * The whole wire: every message that processes of a cluster exchange, without logic.
 *
 * Times are milliseconds since the epoch. `payload` is a value as the serializer wrote it; its large arrays follow
 * the message as out-of-band buffers. The controller forwards payloads and buffers and never looks inside.
 */

import type { Operation } from "./calls.ts";

/** An error on the wire. `kind` says which class the receiver makes of it. */
export interface WireError {
  readonly kind: "remote" | "engine" | "aborted" | "type" | "range" | "security" | "unknown";
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/** One engine, as the controller knows it. */
export interface EngineInfo {
  readonly engineId: number;
  readonly uuid: string;
  readonly pid: number;
  readonly engineSet: string;
  readonly host: string;
}

/** How a task ended, as its engine (or, for one that never ran, the controller) tells it. */
export interface Outcome {
  readonly status: "ok" | "error" | "aborted";
  readonly started?: number | undefined;
  readonly completed?: number | undefined;
  readonly payload?: Uint8Array | undefined;
  readonly error?: WireError | undefined;
}

// Registration: the first message of every connection, and its answer.

export interface ClientHello {
  readonly type: "hello";
  readonly role: "client";
  readonly uuid: string;
}
export interface EngineHello {
  readonly type: "hello";
  readonly role: "engine";
  readonly uuid: string;
  readonly pid: number;
  readonly agentUuid: string;
  readonly engineSet: string;
}
export interface AgentHello {
  readonly type: "hello";
  readonly role: "agent";
  readonly uuid: string;
  readonly pid: number;
  readonly host: string;
}
export type Hello = ClientHello | EngineHello | AgentHello;

export interface Welcome {
  readonly type: "welcome";
  readonly clusterId: string;
  /** For an engine: the id it was given. */
  readonly engineId?: number | undefined;
  /** For a client: the engines registered now. */
  readonly engines?: readonly EngineInfo[] | undefined;
}

// Client to controller.

/** One payload for one or several engines: `taskIds[i]` runs on `engineIds[i]`. */
export interface Submit {
  readonly type: "submit";
  readonly taskIds: readonly string[];
  readonly engineIds: readonly number[];
  /** For records; the engine reads it from the payload. */
  readonly operation: Operation;
  readonly submitted: number;
  readonly label?: string | undefined;
  readonly payload: Uint8Array;
}

/** A question or an order to the hub; answered by {@link Reply}. */
export interface Request {
  readonly type: "request";
  readonly requestId: number;
  readonly request: HubRequest;
}

export type HubRequest =
  | { readonly method: "startEngines"; readonly count: number; readonly env: Record<string, string> }
  | { readonly method: "stopEngines"; readonly engineSet?: string | undefined }
  | { readonly method: "restartEngines"; readonly engineSet?: string | undefined }
  | { readonly method: "signalEngines"; readonly signal: string | number; readonly engineSet?: string | undefined }
  | { readonly method: "shutdown" }
  | {
      readonly method: "abort";
      readonly taskIds?: readonly string[] | undefined;
      readonly engineIds?: readonly number[] | undefined;
      /** Interrupt tasks that run, too. */
      readonly running?: boolean | undefined;
    }
  | { readonly method: "queueStatus" }
  | { readonly method: "status" }
  | { readonly method: "result"; readonly taskId: string };

export interface QueueStatus {
  readonly engines: readonly {
    readonly engineId: number;
    readonly queued: readonly string[];
    readonly running: readonly string[];
    readonly completed: number;
  }[];
}

/** What the controller knows of itself and its sets of engines. */
export interface ControllerStatus {
  readonly clusterId: string;
  readonly pid: number;
  readonly agents: readonly { readonly uuid: string; readonly pid: number; readonly host: string }[];
  readonly engines: readonly EngineInfo[];
  readonly engineSets: readonly {
    readonly engineSet: string;
    readonly count: number;
    readonly failed?: string | undefined;
  }[];
  readonly clients: number;
  /** Connections and messages that were refused, by reason. */
  readonly rejected: {
    readonly handshakes: number;
    readonly signatures: number;
    readonly replays: number;
    readonly malformed: number;
  };
}

// Controller to client.

export interface Reply {
  readonly type: "reply";
  readonly requestId: number;
  readonly value?: unknown;
  readonly error?: WireError | undefined;
}
export interface EngineUp {
  readonly type: "engineUp";
  readonly engine: EngineInfo;
}
export interface EngineDown {
  readonly type: "engineDown";
  readonly engineId: number;
  readonly uuid: string;
  readonly reason: string;
}
/** An engine set has come to nothing: every engine of it has ended, or it could not be started. */
export interface EngineSetStopped {
  readonly type: "engineSetStopped";
  readonly engineSet: string;
  readonly reason: string;
}

// Controller to engine.

export interface Task {
  readonly type: "task";
  readonly taskId: string;
  readonly payload: Uint8Array;
}
/** Forget these tasks if they have not started; each is answered with status "aborted". */
export interface AbortTasks {
  readonly type: "abortTasks";
  readonly taskIds: readonly string[];
}

// Engine to controller, and on to the client that submitted the task.

export interface Result {
  readonly type: "result";
  readonly taskId: string;
  readonly engineId: number;
  readonly engineUuid: string;
  readonly outcome: Outcome;
}
/** What a task wrote to a stream since the last such message. */
export interface Output {
  readonly type: "output";
  readonly taskId: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}
/** Data that a running task published. */
export interface Published {
  readonly type: "published";
  readonly taskId: string;
  readonly payload: Uint8Array;
}
/** Something that a running task showed: `{ data, metadata }`, the data by media type. */
export interface Displayed {
  readonly type: "displayed";
  readonly taskId: string;
  readonly payload: Uint8Array;
}

// Controller to agent.

export interface SpawnEngines {
  readonly type: "spawnEngines";
  readonly engineSet: string;
  readonly uuids: readonly string[];
  readonly env: Record<string, string>;
}
export interface KillEngines {
  readonly type: "killEngines";
  readonly uuids: readonly string[];
}
export interface SignalEngines {
  readonly type: "signalEngines";
  readonly uuids: readonly string[];
  readonly signal: string | number;
}
/** Stop every engine, then leave. */
export interface StopAgent {
  readonly type: "stopAgent";
}

// Agent to controller.

export interface EngineExited {
  readonly type: "engineExited";
  readonly uuid: string;
  readonly engineSet: string;
  readonly reason: string;
}

export type Message =
  | Hello
  | Welcome
  | Submit
  | Request
  | Reply
  | EngineUp
  | EngineDown
  | EngineSetStopped
  | Task
  | AbortTasks
  | Result
  | Output
  | Published
  | Displayed
  | SpawnEngines
  | KillEngines
  | SignalEngines
  | StopAgent
  | EngineExited;
