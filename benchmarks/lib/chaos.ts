/**
 * Tasks on a cluster whose engines are killed, stopped and continued at random, until the last task has ended: what came
 * back, and whether a process was left behind. The same seed gives the same tasks and the same attacks, though not the
 * same moments.
 */

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Client, Cluster } from "ndparallel";
import { seeded } from "../../test/controller/simulation.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly tasks: number;
  /** About how long the tasks take altogether, in milliseconds, if nothing is killed. */
  readonly duration: number;
  readonly engines: number;
}

/** What happened. */
export interface ChaosReport {
  readonly killed: number;
  readonly stopped: number;
  readonly continued: number;
  /** Results that came and are not what they should be. */
  readonly wrong: number;
  /** Why calls failed. */
  readonly errors: readonly string[];
  readonly right: number;
  readonly seconds: number;
  /** Processes of the cluster that are alive after its end. */
  readonly left: readonly number[];
  readonly processes: number;
}

type Random = () => number;

/** A process that was stopped so long ago is killed by its agent, in milliseconds. */
const STOPPED_MS = 1_500;
/** Calls that are under way at once. */
const UNDER_WAY = 200;
/** How long the processes may take to vanish, in milliseconds. */
const VANISH_MS = 10_000;

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const began = performance.now();
  const random = seeded(options.seed);
  const pids = new Set<number>();
  const counts = { killed: 0, stopped: 0, continued: 0, wrong: 0, right: 0 };
  const errors: string[] = [];
  {
    await using cluster = await Cluster.start({
      engines: options.engines,
      restart: { times: 1_000_000, within: 60_000 },
      heartbeat: { period: 100, stopped: STOPPED_MS },
    });
    await using client = await cluster.connect();
    const end = new AbortController();
    const attacks = attack(client, pids, counts, seeded(options.seed + 1), end.signal);
    await work(client, options, random, (isRight, error) => {
      if (error !== undefined) errors.push(error);
      else counts[isRight ? "right" : "wrong"]++;
    });
    end.abort();
    await attacks;
    await notePids(client, pids);
  }
  const seconds = (performance.now() - began) / 1000;
  return { ...counts, errors, seconds, left: await leftOf(pids), processes: pids.size };
}

/** Sends calls of several kinds, so many at once; each must give what it would without any trouble. */
async function work(
  client: Client,
  { tasks, duration, engines }: ChaosOptions,
  random: Random,
  told: (isRight: boolean, error?: string) => void,
): Promise<void> {
  const view = client.loadBalancedView().with({ retries: { death: 100, error: 0, backoff: 1 } });
  const mean = (0.8 * duration * engines) / tasks;
  const slow = async (x: number, milliseconds: number): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return 2 * x + 1;
  };
  const slowBoth = async (x: number, earlier: number, milliseconds: number): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return earlier + x;
  };
  const running = new Set<Promise<void>>();
  let last: PromiseLike<number> | undefined;
  let lastX = 0;
  for (let x = 0; x < tasks; x++) {
    const milliseconds = Math.min(20 * mean, -mean * Math.log(1 - random()));
    const kind = random();
    let call: PromiseLike<unknown>;
    let expected: unknown = 2 * x + 1;
    if (kind < 0.1 && last !== undefined) {
      call = view.apply(slowBoth, x, last as never, milliseconds);
      expected = 2 * lastX + 1 + x;
    } else if (kind < 0.15 && last !== undefined) {
      call = view.with({ after: last as never }).apply(slow, x, milliseconds);
    } else if (kind < 0.2) {
      const items = [x, x + 1, x + 2];
      call = view.with({ chunkSize: 2 }).map(slow, items, new Array(3).fill(milliseconds / 3));
      expected = items.map((item) => 2 * item + 1);
    } else {
      const plain = view.with({ priority: kind < 0.3 ? 1 : 0 }).apply(slow, x, milliseconds);
      [last, lastX] = [plain, x];
      call = plain;
    }
    const ended: Promise<void> = Promise.resolve(call)
      .then(
        (value) => told(JSON.stringify(value) === JSON.stringify(expected)),
        (error: Error) => told(false, `call ${x}: ${error.name}: ${error.message}`),
      )
      .finally(() => running.delete(ended));
    running.add(ended);
    if (running.size >= UNDER_WAY) await Promise.race(running);
  }
  await Promise.all(running);
}

async function attack(
  client: Client,
  pids: Set<number>,
  counts: { killed: number; stopped: number; continued: number },
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  const stopped = new Set<number>();
  const goOn = (pid: number): void => {
    if (stopped.delete(pid) && send(pid, "SIGCONT")) counts.continued++;
  };
  while (!signal.aborted) {
    await delay(100 + 900 * random(), undefined, { signal }).catch(() => undefined);
    const engines = await notePids(client, pids);
    const pid = engines[Math.floor(random() * engines.length)];
    const draw = random();
    if (pid === undefined || signal.aborted) continue;
    if (draw < 0.4) {
      if (send(pid, "SIGKILL")) counts.killed++;
    } else if (draw < 0.8) {
      if (send(pid, "SIGSTOP")) counts.stopped++;
      stopped.add(pid);
      // Some so late that they are killed meanwhile.
      setTimeout(() => goOn(pid), 1.3 * STOPPED_MS * random());
    } else {
      for (const other of [...stopped]) goOn(other);
    }
  }
  for (const pid of [...stopped]) goOn(pid);
}

async function notePids(client: Client, pids: Set<number>): Promise<number[]> {
  const { pid, agents, engines } = await client.status();
  for (const one of [{ pid }, ...agents, ...engines]) pids.add(one.pid);
  return engines.map((engine) => engine.pid);
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Those that do not vanish in time. */
async function leftOf(pids: ReadonlySet<number>): Promise<number[]> {
  const deadline = performance.now() + VANISH_MS;
  for (;;) {
    const left = [...pids].filter(isAlive);
    if (left.length === 0 || performance.now() > deadline) return left;
    await delay(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    // The name of the program, in parentheses, may itself hold any character.
    const state = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .charAt(0);
    return state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}
