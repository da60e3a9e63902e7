/**
 * The engine's process: connects to the controller, registers, and runs tasks until its agent ends it. The agent
 * passes the configuration in an environment variable, which tasks and their child processes do not see.
 */

import { once } from "node:events";
import { format } from "node:util";
import { MessageChannel, Worker } from "node:worker_threads";
import type { Connection } from "../channel/connection.ts";
import { DataPlane } from "../channel/data/data-plane.ts";
import { connectLasting, type ReconnectingConnection } from "../channel/reconnecting.ts";
import { importModule } from "../functions/import-module.ts";
import { explainReferenceError } from "../functions/revive.ts";
import { acceptImmutableSources } from "../ndarray-transport/segments/immutable.ts";
import { type WriteDetection, WriteGuard, writeDetections } from "../ndarray-transport/write-guard/write-guard.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import type { EngineHello, Message, Welcome } from "../protocol/messages.ts";
import { setSurroundingEngine } from "../protocol/within-engine.ts";
import { onDeviceLost } from "../tensors/gpu.ts";
import { createTensorSerializer } from "../tensors/serializer.ts";
import { startDevice } from "../tensors/start-device.ts";
import { ENGINE_CONFIGURATION, type EngineConfiguration, WRITE_DETECTION } from "./configuration.ts";
import { Engine } from "./engine.ts";
import { KeptExchange } from "./kept-exchange.ts";
import { KeptValues } from "./kept-values.ts";
import { KnownCalls } from "./known-calls.ts";
import { Namespace } from "./namespace.ts";
import { NativeOutput } from "./native-output.ts";
import { makeOperations } from "./operations.ts";
import { OutputPlaces } from "./output-places.ts";
import { resultHandler } from "./result-arguments.ts";
import { currentTask, provideRunningTask, type Shown } from "./task-context.ts";
import { TaskMarks } from "./task-marks.ts";
import { TaskOutput } from "./task-output.ts";
import { ShownArrays, UnderWay } from "./under-way.ts";
import type { Interrupt, WatchdogData } from "./watchdog.ts";

/** What tasks publish and show travels with its message up to this size, in bytes. */
const SHOWN_INLINE_BYTES = 1024 * 1024;
/** What stays here until it is fetched may be 256 MiB, while 16 MiB of output are under way. */
const SHOWN_HERE_WEIGHT = 1 / 16;

const configuration = JSON.parse(process.env[ENGINE_CONFIGURATION] ?? "{}") as EngineConfiguration;
delete process.env[ENGINE_CONFIGURATION];

// A task's stray rejection or a failing timer must not end the engine and the tasks of others with it.
for (const event of ["unhandledRejection", "uncaughtException"] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(
      `${format(event === "unhandledRejection" ? "Unhandled rejection:" : "Uncaught exception:", error)}\n`,
    );
  });
}

acceptImmutableSources();

/** Where this thread is, for the watchdog. */
const marks = new TaskMarks();
const handedOver = new MessageChannel();
const native = configuration.readsOwnOutput ? new NativeOutput(handedOver.port1) : undefined;

const outputUnderWay = new UnderWay();
const watchdog = startWatchdog();

await run();

async function run(): Promise<void> {
  // No task comes before it can be interrupted.
  const [device] = await Promise.all([deviceOf(configuration), once(watchdog, "message")]);
  watchdog.unref();
  let engine: Engine | undefined;
  let engineId = -1;
  let exchange: KeptExchange | undefined;
  let plane: DataPlane | undefined;
  const connection: ReconnectingConnection = await connectLasting({
    host: configuration.host,
    port: configuration.port,
    key: configuration.key,
    timeout: configuration.connectTimeoutMs,
    patience: configuration.patience,
    hello: () => {
      if (engine === undefined) return helloOf(device);
      return { ...helloOf(device), back: { engineId, ...tasksOf(engine, connection) } };
    },
    isKept,
    onLost: () => outputUnderWay.clear(),
    onBack: () => {
      outputUnderWay.clear();
      for (const { message, buffers } of connection.unrecorded.all) {
        connection.sendAgain({ message: { ...message, again: true } as Message, buffers });
      }
      exchange?.askAgain();
      plane?.askAgain();
      engine?.report(true);
    },
    handlers: {
      message: (message, buffers) => {
        if (message.type === "welcome" && engine === undefined) {
          engineId = message.engineId ?? -1;
          plane = makePlane(message, connection);
          ({ engine, exchange } = makeEngine(message, connection, plane));
          leaveWithDevice(engine);
          offerToClients(engine, engineId, message.clusterId);
          heedInterrupts(engine);
        } else if (plane?.message(message, buffers) !== true && exchange?.message(message, buffers) !== true) {
          engine?.message(message, buffers);
        }
      },
      run: (run) => {
        if (run.of === "task") engine?.run(run);
      },
      place: (message) => plane?.place(message),
      // The agent decides what becomes of an engine without a controller; an engine that is idle leaves by itself.
      closed: () => process.exit(process.exitCode ?? 0),
    },
  });
  connection.hold();
}

function helloOf(device: DeviceInfo | undefined): EngineHello {
  const { uuid, agentUuid, engineSet } = configuration;
  return { type: "hello", role: "engine", uuid, pid: process.pid, agentUuid, engineSet, device };
}

/** What an engine that is back has: first the tasks whose answers may not have come. */
function tasksOf(engine: Engine, { unrecorded }: ReconnectingConnection): { taskIds: string[]; answered: string[] } {
  const answered = unrecorded.all.flatMap(({ message }) => (message.type === "result" ? message.taskId : []));
  return { taskIds: [...new Set([...answered, ...engine.taskIds])], answered };
}

/** What clients and the hub must get. */
function isKept({ type }: Message): boolean {
  return type === "result" || type === "output" || type === "displayed" || type === "published";
}

/** An engine whose device is lost is of no more use; what becomes of it is for the restart policy to say. */
function leaveWithDevice(engine: Engine): void {
  onDeviceLost(({ message }) => {
    process.stderr.write(`${message}\n`);
    process.exitCode = 1;
    engine.leave();
  });
}

/** The device of this engine, ready. Without it the engine would not be what was asked for: its end says why. */
async function deviceOf({ device }: EngineConfiguration): Promise<DeviceInfo | undefined> {
  if (device === undefined) return undefined;
  try {
    return await startDevice(device);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}

function makePlane({ dataWay = "auto" }: Welcome, connection: Connection): DataPlane {
  return new DataPlane({
    uuid: configuration.uuid,
    way: dataWay,
    key: configuration.key,
    host: connection.localAddress ?? configuration.host,
    send: (message, buffers, onSent) => connection.send(message, buffers, onSent),
    isSnapshot: true,
  });
}

interface EngineWithValues {
  readonly engine: Engine;
  readonly exchange: KeptExchange;
}

function makeEngine(
  { engineId = -1, isDurable = false }: Welcome,
  connection: ReconnectingConnection,
  plane: DataPlane,
): EngineWithValues {
  const name = `engine ${engineId}`;
  const namespace = new Namespace(() => name);
  const { uuid } = configuration;
  const kept = new KeptValues({ engineId, uuid }, () => Object.values(namespace.added()));
  const serializer = createTensorSerializer(undefined, [kept.handler, resultHandler]);
  const operations = makeOperations({
    namespace,
    place: () => ({ engineId, engineUuid: uuid, messageId: currentTask()?.taskId ?? "" }),
    explain: (error, fn) => explainReferenceError(error, fn, name),
    canSend: (value) => {
      try {
        serializer.serialize(value);
        return true;
      } catch {
        return false;
      }
    },
  });
  const places = isDurable ? new OutputPlaces() : undefined;
  const shownHere = new ShownArrays(plane);
  const output = new TaskOutput({
    send: (taskId, stream, text) => {
      const at = places && { at: places.next(taskId, stream, text.length) };
      outputUnderWay.add(text.length, (left) => {
        connection.send({ type: "output", taskId, stream, text, engineId, ...at }, [], left);
      });
      connection.flush();
    },
    underWay: () =>
      Math.max(outputUnderWay.size, connection.unrecorded.output, shownHere.byteLength * SHOWN_HERE_WEIGHT),
    native,
    shield: (run) => marks.shield(run),
  });
  const send = ({ message, buffers }: Shown): void => {
    // The hub keeps a little of it, so that late askers see it too; more stays here.
    const byteLength = buffers.reduce((sum, bytes) => sum + bytes.byteLength, 0);
    const isMuch = byteLength > SHOWN_INLINE_BYTES;
    const { carrier, inline } = isMuch ? plane.packer().pack({ buffers }) : { carrier: {}, inline: buffers };
    if (isMuch) shownHere.add(carrier);
    const isPlaced = places !== undefined && message.type === "displayed";
    const at = isPlaced ? { at: places.next(message.taskId, "displayed", 1) } : {};
    outputUnderWay.add(message.payload.byteLength + (isMuch ? 0 : byteLength), (left) => {
      connection.send({ ...message, ...carrier, ...at }, inline, left);
    });
    connection.flush();
  };
  provideRunningTask(serializer, (context, shown) => marks.shield(() => output.show(context, shown, send)));
  const guard = new WriteGuard(
    writeDetection(),
    () => namespace.added(),
    (buffer) => plane.spoilt(buffer),
  );
  const remains = (): unknown[] => [...Object.values(namespace.added()), ...kept.values()];
  const exchange = new KeptExchange({ kept, serializer, plane, send: (...message) => connection.send(...message) });
  const knownCalls = new KnownCalls();
  const runner = { operations, serializer, guard, kept, knownCalls, remains };
  return { engine: new Engine({ ...runner, engineId, uuid, connection, plane, output, marks }), exchange };
}

function writeDetection(): WriteDetection {
  const wanted = process.env[WRITE_DETECTION] as WriteDetection;
  return writeDetections.includes(wanted) ? wanted : "full";
}

/** Clients within tasks find the cluster, and say when they wait. */
function offerToClients(engine: Engine, engineId: number, clusterId: string): void {
  const { uuid, host, port, key } = configuration;
  const waitsFor = (change: number): void => engine.waitsFor(change);
  const load = (specifier: string): Promise<Record<string, unknown>> => importModule(specifier, process.cwd());
  setSurroundingEngine({ uuid, engineId, clusterId, host, port, key, waitsFor, load });
}

/** A thread, because the main one may compute for hours when the agent dies, or an interrupt comes. Says when it is there. */
function startWatchdog(): Worker {
  const port = handedOver.port2;
  const workerData: WatchdogData = {
    marks: marks.memory,
    ...(native && { native: { memory: native.memory, port } }),
  };
  return new Worker(new URL("./watchdog.js", import.meta.url), {
    stdin: false,
    workerData,
    transferList: native === undefined ? [] : [port],
  });
}

function heedInterrupts(engine: Engine): void {
  watchdog.on("message", (interrupt: Interrupt) => {
    marks.acknowledge(interrupt.sequence);
    engine.interrupt(interrupt);
  });
  // As a program's own Ctrl-C would.
  process.on("SIGINT", () => engine.interrupt({ signal: "SIGINT" }));
}
