/** A host agent: the parent of the engines of one host. Starts, signals and ends them, and reports each end. */

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { InterruptOrder } from "../protocol/agent-messages.ts";
import type { Message, SignalEngines, SpawnEngines } from "../protocol/messages.ts";
import { DEFAULT_HEARTBEAT, type HeartbeatPolicy } from "../protocol/policies.ts";
import { type ControllerAddress, ENGINE_CONFIGURATION, type EngineConfiguration } from "./configuration.ts";
import { type Assignment, DevicePool } from "./device-pool.ts";
import { Descriptor, enginePipes } from "./engine-pipes.ts";
import { ProcessWatch } from "./process-watch.ts";

/**
 * For V8 in engines, of which there are as many as cores.
 * - Its collector does its work itself. With threads of its own it waits for them, and keeps a core busy with that, while
 *   each of them waits for a core: an engine that hands on an array of 64 MiB needs three times the CPU time then.
 * - It goes on marking when something is allocated, not between a message and its answer. Mapped arrays make it begin.
 */
const ENGINE_FLAGS: readonly string[] = ["--single-threaded-gc", "--no-incremental-marking-task"];
/** How long a new engine tries to reach the controller, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long an engine that was asked to end may take before it is killed, in milliseconds. */
const TERMINATE_MS = 3_000;
/** How long after an engine's end its last words are waited for, in milliseconds. */
const LAST_WORDS_MS = 100;
/** How much of an engine's last words is kept for the report of its end, in characters. */
const LAST_WORDS = 2_000;

interface EngineProcess {
  readonly child: ChildProcess;
  readonly engineSet: string;
  lastWords: string;
  /** Why the agent has killed it. */
  killedFor: string | undefined;
}

export class Agent {
  readonly #uuid: string;
  readonly #address: ControllerAddress;
  readonly #send: (message: Message) => void;
  readonly #engines = new Map<string, EngineProcess>();
  readonly #devices = new DevicePool();
  /** Engines that wait for a device, with their sets. */
  readonly #waiting = new Map<string, string>();
  #onEmpty: (() => void) | undefined;
  readonly #watch: ProcessWatch;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #stoppedLimit: number;

  /** `send` reaches the controller. */
  constructor(
    uuid: string,
    address: ControllerAddress,
    send: (message: Message) => void,
    { period, stopped: limit }: HeartbeatPolicy = DEFAULT_HEARTBEAT,
  ) {
    this.#uuid = uuid;
    // Not more than that: all of it goes to the engines.
    const { host, port, key, patience } = address;
    this.#address = { host, port, key, patience };
    this.#send = send;
    this.#stoppedLimit = limit;
    this.#watch = new ProcessWatch(period, limit, {
      changed: (engine, stopped) => send({ type: "engineStopped", uuid: engine, stopped }),
      expired: (engine) => this.#killStopped(engine),
    });
    this.#heartbeat = setInterval(() => send({ type: "heartbeat" }), period);
  }

  message(message: Message): void {
    switch (message.type) {
      case "spawnEngines":
        if ((message.devices ?? "none") === "none") for (const uuid of message.uuids) this.#spawn(uuid, message);
        else void this.#spawnWithDevices(message);
        break;
      case "killEngines":
        for (const uuid of message.uuids) this.#terminate(uuid);
        break;
      case "interruptEngine":
        this.#interrupt(message.uuid, message.order);
        break;
      case "signalEngines":
        this.#signal(message);
        break;
      default:
        break;
    }
  }

  /** The engines that live, or will. */
  get alive(): string[] {
    return [...this.#engines.keys(), ...this.#waiting.keys()];
  }

  /** Ends every engine; done when all have ended. */
  stop(): Promise<void> {
    this.#watch.end();
    clearInterval(this.#heartbeat);
    for (const uuid of [...this.#waiting.keys(), ...this.#engines.keys()]) this.#terminate(uuid);
    return new Promise((resolve) => {
      if (this.#engines.size === 0) resolve();
      else this.#onEmpty = resolve;
    });
  }

  /** Kills every engine, at once. */
  kill(): void {
    for (const { child } of this.#engines.values()) child.kill("SIGKILL");
  }

  async #spawnWithDevices(message: SpawnEngines): Promise<void> {
    const { uuids, engineSet, env, devices = "none" } = message;
    for (const uuid of uuids) this.#waiting.set(uuid, engineSet);
    let assignments: ReadonlyMap<string, Assignment> = new Map();
    let failure: string | undefined;
    try {
      assignments = await this.#devices.assign(devices, uuids, { ...process.env, ...env });
    } catch (error) {
      failure = (error as Error).message;
    }
    for (const uuid of uuids) {
      if (failure !== undefined) this.#withdraw(uuid, failure);
      else if (this.#waiting.delete(uuid)) this.#spawn(uuid, message, assignments.get(uuid));
      else this.#devices.release(uuid);
    }
  }

  /** An engine that waits for its device will not be started. */
  #withdraw(uuid: string, reason: string): void {
    const engineSet = this.#waiting.get(uuid);
    if (engineSet === undefined) return;
    this.#waiting.delete(uuid);
    this.#send({ type: "engineExited", uuid, engineSet, reason });
  }

  #spawn(uuid: string, { engineSet, env }: SpawnEngines, assignment?: Assignment): void {
    const pipes = enginePipes();
    const configuration: EngineConfiguration = {
      ...this.#address,
      uuid,
      agentUuid: this.#uuid,
      engineSet,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      device: assignment?.device,
      readsOwnOutput: pipes.isOwnReader,
    };
    const child = spawn(process.execPath, [...ENGINE_FLAGS, fileURLToPath(new URL("./main.js", import.meta.url))], {
      env: { ...process.env, ...env, ...assignment?.env, [ENGINE_CONFIGURATION]: JSON.stringify(configuration) },
      // Among them the lifeline, which closes when this process ends, however it ends.
      stdio: pipes.stdio,
    });
    const engine: EngineProcess = { child, engineSet, lastWords: "", killedFor: undefined };
    if (child.pid !== undefined) this.#watch.add(uuid, child.pid);
    this.#engines.set(uuid, engine);
    const hear = (text: string): void => {
      engine.lastWords = (engine.lastWords + text).slice(-LAST_WORDS);
    };
    pipes.started(child, hear);
    child.stdio[Descriptor.lifeline]?.on("error", () => undefined);
    child.once("error", (error) => this.#ended(uuid, `it could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      hear(pipes.ended());
      const report = (): void => {
        this.#ended(uuid, engine.killedFor ?? describeEnd(code, signal, engine.lastWords));
      };
      // Its output is all there when it is closed, but a process that it started may hold it open for ever.
      const timer = setTimeout(report, LAST_WORDS_MS);
      child.once("close", () => {
        clearTimeout(timer);
        report();
      });
    });
  }

  #terminate(uuid: string): void {
    this.#withdraw(uuid, "it was stopped before it was started");
    const engine = this.#engines.get(uuid);
    if (engine === undefined) return;
    engine.child.kill("SIGTERM");
    // A stopped process hears nothing but this.
    const timer = setTimeout(() => engine.child.kill("SIGKILL"), TERMINATE_MS);
    engine.child.once("exit", () => clearTimeout(timer));
  }

  #killStopped(uuid: string): void {
    const engine = this.#engines.get(uuid);
    if (engine === undefined) return;
    engine.killedFor = `its process was stopped, and killed when it had not gone on for ${this.#stoppedLimit} ms`;
    engine.child.kill("SIGKILL");
  }

  /** Tells the engine's watchdog, which hears also while the engine computes. */
  #interrupt(uuid: string, order: InterruptOrder): void {
    const lifeline = this.#engines.get(uuid)?.child.stdio[Descriptor.lifeline] as Writable | null | undefined;
    lifeline?.write(`${JSON.stringify(order)}\n`);
  }

  /** SIGINT does to the task that runs what Ctrl-C does to a program; others go to the process. */
  #signal({ uuids, signal }: SignalEngines): void {
    if (signal === "SIGINT" || signal === constants.signals.SIGINT) {
      for (const uuid of uuids) this.#interrupt(uuid, { signal: "SIGINT" });
      return;
    }
    for (const uuid of uuids) this.#engines.get(uuid)?.child.kill(signal as NodeJS.Signals | number);
  }

  #ended(uuid: string, reason: string): void {
    const engine = this.#engines.get(uuid);
    if (engine === undefined) return;
    this.#engines.delete(uuid);
    this.#watch.remove(uuid);
    this.#devices.release(uuid);
    this.#send({ type: "engineExited", uuid, engineSet: engine.engineSet, reason });
    if (this.#engines.size === 0) this.#onEmpty?.();
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, lastWords: string): string {
  const end = signal === null ? `its process exited with code ${code}` : `its process was ended by ${signal}`;
  return lastWords.trim() === "" ? end : `${end}; its last words were:\n${lastWords.trim()}`;
}
