/**
 * The whole wire: every message that processes of a cluster exchange, without logic. The first
 * messages of a connection are in greetings.ts, those to and from host agents in agent-messages.ts, and what running
 * tasks tell in live-messages.ts.
 *
 * Times are milliseconds since the epoch. `payload` is a value as the serializer wrote it; `places` says where its
 * large arrays are (data-messages.ts). The controller forwards both and never looks inside a payload.
 */

import type {
  EngineExited,
  EngineStopped,
  Heartbeat,
  InterruptEngine,
  KillEngines,
  SignalEngines,
  SpawnEngines,
  StopAgent,
} from "./agent-messages.ts";
import type { BalancedRequest } from "./balancing.ts";
import type { Operation } from "./calls.ts";
import type { CarriesBuffers, DataMessage } from "./data-messages.ts";
import type { DeviceOrder } from "./devices.ts";
import type { EngineInfo, Hello, Welcome } from "./greetings.ts";
import type { KeptMessage } from "./kept.ts";
import type { Displayed, Noted, Output, Published } from "./live-messages.ts";
import type { RestartPolicy } from "./policies.ts";
import type { ReconnectionMessage, SentAgain } from "./reconnection.ts";
import type { WireError } from "./wire-error.ts";

export type {
  EngineExited,
  EngineStopped,
  Heartbeat,
  InterruptEngine,
  KillEngines,
  SignalEngines,
  SpawnEngines,
  StopAgent,
} from "./agent-messages.ts";
export type { AgentHello, ClientHello, EngineHello, EngineInfo, Hello, Welcome } from "./greetings.ts";
export type { Displayed, Noted, Output, Published } from "./live-messages.ts";
export type { WireError } from "./wire-error.ts";

/** How a task ended, as its engine (or, for one that never ran, the controller) tells it. */
export interface Outcome extends CarriesBuffers {
  readonly status: "ok" | "error" | "aborted";
  readonly started?: number | undefined;
  readonly completed?: number | undefined;
  /** How long the task kept the engine, in milliseconds, finer than the times above. */
  readonly duration?: number | undefined;
  readonly payload?: Uint8Array | undefined;
  readonly error?: WireError | undefined;
}

// Client to controller.

/** One payload for one or several engines: `taskIds[i]` runs on `engineIds[i]`. */
export interface Submit extends CarriesBuffers, SentAgain {
  readonly type: "submit";
  readonly taskIds: readonly string[];
  readonly engineIds: readonly number[];
  /** For records; the engine reads it from the payload. */
  readonly operation: Operation;
  readonly submitted: number;
  readonly label?: string | undefined;
  /** Tasks whose results are among the arguments: see {@link BalancedRequest.inputs}. */
  readonly inputs?: readonly string[] | undefined;
  readonly payload: Uint8Array;
}

/** A task for whichever engine fits. */
export interface SubmitBalanced extends CarriesBuffers, SentAgain {
  readonly type: "submitBalanced";
  readonly taskId: string;
  readonly operation: Operation;
  readonly submitted: number;
  readonly label?: string | undefined;
  readonly request: BalancedRequest;
  readonly payload: Uint8Array;
}

/** A question or an order to the hub; answered by {@link Reply}. */
export interface Request {
  readonly type: "request";
  readonly requestId: number;
  readonly request: HubRequest;
}

export type HubRequest =
  | {
      readonly method: "startEngines";
      readonly count: number;
      readonly env: Record<string, string>;
      /** What each engine offers to tasks. */
      readonly resources?: Readonly<Record<string, number>> | undefined;
      readonly restart?: RestartPolicy | undefined;
      readonly devices?: DeviceOrder | undefined;
    }
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
  /** Engines finish what they run, take nothing new, and end; answered then. */
  | { readonly method: "retire"; readonly engineIds: readonly number[] }
  | { readonly method: "resultStatus"; readonly taskIds: readonly string[] }
  /** Ids of the tasks that are remembered, oldest submission first. */
  | { readonly method: "history" }
  /** Times in a query are milliseconds since the epoch. */
  | {
      readonly method: "query";
      readonly query: Readonly<Record<string, unknown>>;
      readonly keys?: readonly string[] | undefined;
    }
  /** Forget tasks that have ended: those named and those of the engines; all, if neither is given. */
  | {
      readonly method: "purge";
      readonly taskIds?: readonly string[] | undefined;
      readonly engineIds?: readonly number[] | undefined;
    }
  /** Empty namespaces, past the queues; answered when it is done. */
  | { readonly method: "clear"; readonly engineIds?: readonly number[] | undefined }
  | { readonly method: "signal"; readonly signal: string | number; readonly engineIds?: readonly number[] | undefined }
  /** End engines, and start as many in their place if asked to; answered when it is done. */
  | {
      readonly method: "endEngines";
      readonly engineIds?: readonly number[] | undefined;
      readonly restart?: boolean | undefined;
    }
  /** `losses`: if that many losses of results with their engines are within the policy of each, all load-balanced. */
  | {
      readonly method: "resubmit";
      readonly taskIds: readonly string[];
      readonly newIds: readonly string[];
      readonly losses?: number | undefined;
    }
  | { readonly method: "queueStatus"; readonly verbose?: boolean | undefined }
  | { readonly method: "status" }
  | { readonly method: "result"; readonly taskId: string };

/** How many tasks, or, if asked for, which. */
export type Tasks = number | readonly string[];

export interface QueueStatus {
  readonly engines: readonly {
    readonly engineId: number;
    readonly queued: Tasks;
    readonly running: Tasks;
    /** Of ids those that are remembered. */
    readonly completed: Tasks;
  }[];
  /** Load-balanced tasks that are at no engine. */
  readonly unassigned: Tasks;
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
  /** Large buffers that tasks, results and receivers hold, wherever they are. */
  readonly buffers: number;
  /** While the task database cannot be written: why, and how many records could not be kept until it can be. */
  readonly databaseFailure?: { readonly message: string; readonly lost: number } | undefined;
  /** Connections and messages that were refused, by reason. */
  readonly rejected: {
    readonly handshakes: number;
    readonly signatures: number;
    readonly replays: number;
    readonly malformed: number;
  };
}

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

export interface Task extends CarriesBuffers {
  readonly type: "task";
  readonly taskId: string;
  readonly payload: Uint8Array;
  /** The task may start before others that came earlier, while those wait for tasks of their own. */
  readonly free?: boolean | undefined;
  /** Results of other tasks that are among the arguments. Their buffers follow those of the task. */
  readonly inputs?: readonly InputValue[] | undefined;
}
/** A value that another task gave. */
export interface InputValue {
  readonly payload: Uint8Array;
  /** How many of the task's buffers are its own. */
  readonly bufferCount: number;
}
/** Empty the namespace, before the next task. */
export interface ClearNamespace {
  readonly type: "clearNamespace";
  readonly orderId: number;
}
/** An order has been carried out, or could not be. */
export type ControlDone = { readonly type: "controlDone"; readonly orderId: number; readonly error?: WireError };
/** Forget these tasks if they have not started; each is answered with status "aborted". */
export interface AbortTasks {
  readonly type: "abortTasks";
  readonly taskIds: readonly string[];
}

/** Give those of these tasks back that have not started; answered by {@link Recalled}. */
export interface RecallTasks {
  readonly type: "recallTasks";
  readonly taskIds: readonly string[];
}

// Engine to controller.

/** Which tasks the engine has given back, and which of those it was asked for it keeps. */
export interface Recalled {
  readonly type: "recalled";
  readonly taskIds: readonly string[];
  readonly kept: readonly string[];
}
/** The engine's tasks that wait for tasks of their own, and leave it free meanwhile: all of them. */
export interface WaitingTasks {
  readonly type: "waitingTasks";
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
export type Message =
  | Hello
  | Welcome
  | Submit
  | SubmitBalanced
  | Request
  | Reply
  | EngineUp
  | EngineDown
  | EngineSetStopped
  | Task
  | AbortTasks
  | RecallTasks
  | Recalled
  | WaitingTasks
  | Result
  | Noted
  | Output
  | Published
  | Displayed
  | SpawnEngines
  | KillEngines
  | SignalEngines
  | InterruptEngine
  | ClearNamespace
  | ControlDone
  | StopAgent
  | EngineExited
  | EngineStopped
  | Heartbeat
  | ReconnectionMessage
  | DataMessage
  | KeptMessage;
