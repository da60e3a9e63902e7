/**
 * One case of a question, asked of all systems in one run: for each repetition every system once, in an order that is
 * shuffled each time, so that what the machine does meanwhile befalls all alike.
 */

import { untilQuiet } from "./machine.ts";
import type { PeerProcess } from "./peer-process.ts";
import type { Answer, Order } from "./protocol.ts";
import type { Case } from "./question.ts";
import { shuffled } from "./statistics.ts";
import { OURS } from "./systems.ts";

export interface RunningSystem {
  readonly name: string;
  readonly process: PeerProcess;
}

/** What one system did: seconds of each repetition, or why there are none. */
export interface SystemResult {
  readonly system: string;
  readonly seconds: number[];
  /** What it cannot do. */
  unsupported?: string;
  /** What went wrong. */
  error?: string;
}

/** No system is asked again in a case once it has taken this long, in seconds, and has answered three times. */
const BUDGET_SECONDS = 40;
const LEAST_REPETITIONS = 3;
/** A first repetition that took longer than this, in seconds, has warmed everything up. */
const LONG_WARM_UP_SECONDS = 2;

export async function askInterleaved(theCase: Case, running: readonly RunningSystem[]): Promise<SystemResult[]> {
  const results = new Map(running.map(({ name }) => [name, { system: name, seconds: [] } as SystemResult]));
  const resultOf = (system: RunningSystem): SystemResult => results.get(system.name) as SystemResult;
  let mark = 0;
  const ask = async (system: RunningSystem): Promise<number | undefined> => {
    const parameters = { ...theCase.parameters, mark: ++mark };
    const operation = system.name === OURS ? (theCase.ours ?? theCase.operation) : theCase.operation;
    const answer = await system.process.ask({ operation, parameters });
    await untilQuiet();
    return noteAnswer(resultOf(system), answer);
  };
  if (!theCase.isCold) for (const system of running) await warmUp(system, ask);
  for (let repetition = 0; repetition < theCase.repetitions; repetition++) {
    for (const system of shuffled(running)) {
      const result = resultOf(system);
      if (!isWanted(result)) continue;
      const seconds = await ask(system);
      if (seconds !== undefined) result.seconds.push(seconds);
    }
  }
  const release: Order = { operation: "release", parameters: {} };
  for (const system of running) await system.process.ask(release);
  return [...results.values()];
}

async function warmUp(
  system: RunningSystem,
  ask: (system: RunningSystem) => Promise<number | undefined>,
): Promise<void> {
  const seconds = await ask(system);
  if (seconds !== undefined && seconds < LONG_WARM_UP_SECONDS) await ask(system);
}

function noteAnswer(result: SystemResult, answer: Answer): number | undefined {
  if ("seconds" in answer) return answer.seconds;
  if ("unsupported" in answer) result.unsupported = answer.unsupported;
  else result.error = answer.error;
  return undefined;
}

function isWanted({ unsupported, error, seconds }: SystemResult): boolean {
  if (unsupported !== undefined || error !== undefined) return false;
  const spent = seconds.reduce((sum, value) => sum + value, 0);
  return seconds.length < LEAST_REPETITIONS || spent < BUDGET_SECONDS;
}
