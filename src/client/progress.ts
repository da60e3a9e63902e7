/** Shows how a wait goes on: a bar on a terminal, plain lines elsewhere. */

import { shown } from "../errors.ts";
import type { ReturnWhen } from "./arrivals.ts";
import { checkWait, WAIT_KINDS, type Wait } from "./waiting.ts";

/** How a wait is shown. */
export interface InteractiveOptions extends Wait {
  /** Milliseconds between two looks; 100 on a terminal and 1,000 elsewhere unless given. */
  readonly interval?: number | undefined;
  /** When the wait is over; once everything has ended unless given. */
  readonly returnWhen?: ReturnWhen | undefined;
  /** Where to; stderr unless given. */
  readonly stream?: (NodeJS.WritableStream & { readonly isTTY?: boolean }) | undefined;
}

/** @throws TypeError */
export function checkInteractive(options: InteractiveOptions): void {
  checkWait(options, "waitInteractive", { ...WAIT_KINDS, interval: "any", returnWhen: "any", stream: "stream" });
}

/** What is counted. */
export interface Counted {
  readonly total: number;
  readonly done: () => number;
  /** What the things are called, e.g. "tasks". */
  readonly unit: string;
}

interface Display {
  update(done: number): void;
  stop(done: number): void;
}

const TERMINAL_INTERVAL_MS = 100;
const LINES_INTERVAL_MS = 1_000;

/**
 * Shows the progress until `wait` resolves, and gives what it gives.
 * @throws TypeError for an interval that is no positive number.
 */
export async function showProgress<T>(counted: Counted, wait: Promise<T>, options: InteractiveOptions): Promise<T> {
  const { stream = process.stderr } = options;
  const interval = options.interval ?? (stream.isTTY ? TERMINAL_INTERVAL_MS : LINES_INTERVAL_MS);
  if (!(interval > 0)) {
    throw new TypeError(`interval must be a positive number of milliseconds; given: ${shown(interval)}`);
  }
  const display = stream.isTTY ? await bar(counted, stream) : lines(counted, stream);
  const timer = setInterval(() => display.update(counted.done()), interval);
  try {
    return await wait;
  } finally {
    clearInterval(timer);
    display.stop(counted.done());
  }
}

async function bar({ total, unit }: Counted, stream: NodeJS.WritableStream): Promise<Display> {
  const { default: progress } = await import("cli-progress");
  const single = new progress.SingleBar({
    stream,
    format: `{bar} {value}/{total} ${unit} | {duration_formatted}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
  });
  single.start(total, 0);
  return {
    update: (done) => single.update(done),
    stop: (done) => {
      single.update(done);
      single.stop();
    },
  };
}

/** A line for each change, and one at the end. */
function lines({ total, unit }: Counted, stream: NodeJS.WritableStream): Display {
  const began = performance.now();
  let shown = -1;
  const update = (done: number): void => {
    if (done === shown) return;
    shown = done;
    stream.write(`${done}/${total} ${unit} after ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  };
  return { update, stop: update };
}
