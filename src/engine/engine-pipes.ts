/**
 * The descriptors of an engine, as its agent makes them. Its standard streams are pipes which the engine itself reads,
 * so that it knows which task wrote what; the agent reads what is left when the engine has ended.
 */

import type { ChildProcess, StdioOptions } from "node:child_process";
import { closeSync, readSync } from "node:fs";
import type { Readable } from "node:stream";
import { makePipe, type Pipe } from "./pipe-calls.ts";

/** Descriptors of an engine. */
export const Descriptor = {
  /** Open as long as the agent lives; interrupts come through it. */
  lifeline: 3,
  /** The reading ends of the engine's own stdout and stderr. */
  stdout: 4,
  stderr: 5,
  /** What no task wrote goes here. */
  agent: 6,
} as const;

export interface EnginePipes {
  readonly stdio: StdioOptions;
  /** Whether the engine reads what its process writes. */
  readonly isOwnReader: boolean;
  /** The process has started: calls `listener` with what reaches the agent. */
  started(child: ChildProcess, listener: (text: string) => void): void;
  /** The process has ended: gives what nobody has read. */
  ended(): string;
}

/** Where the system has no such pipes, the agent reads all that the engine writes past Node's streams. */
export function enginePipes(): EnginePipes {
  const pipes = [makePipe(), makePipe()] as const;
  const [stdout, stderr] = pipes;
  if (stdout === undefined || stderr === undefined) {
    for (const pipe of pipes) if (pipe !== undefined) closePipe(pipe);
    return {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      isOwnReader: false,
      started: (child, listener) => listen([child.stdout, child.stderr], listener),
      ended: () => "",
    };
  }
  return {
    stdio: ["ignore", stdout.write, stderr.write, "pipe", stdout.read, stderr.read, "pipe"],
    isOwnReader: true,
    started: (child, listener) => {
      for (const { write, read } of [stdout, stderr]) for (const end of [write, read]) closeSync(end);
      listen([(child.stdio as readonly unknown[])[Descriptor.agent] as Readable | null], listener);
    },
    ended: () => rest(stdout) + rest(stderr),
  };
}

function listen(streams: readonly (Readable | null)[], listener: (text: string) => void): void {
  for (const stream of streams)
    stream
      ?.setEncoding("utf8")
      .on("data", listener)
      .on("error", () => undefined);
}

/** What is in the pipe; closes it. */
function rest({ glance }: Pipe): string {
  const chunk = Buffer.alloc(64 * 1024);
  let text = "";
  try {
    for (let count = readSync(glance, chunk); count > 0; count = readSync(glance, chunk)) {
      text += chunk.toString("utf8", 0, count);
    }
  } catch {
    // Nothing more for now: another process holds the other end.
  }
  closeSync(glance);
  return text;
}

function closePipe({ read, write, glance }: Pipe): void {
  for (const end of [read, write, glance]) closeSync(end);
}
