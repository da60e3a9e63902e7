/** Processes of a cluster as children of this one. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Starts a module of this package, with parameters, and flags for Node. */
export function start(entry: string, parameters: readonly string[] = [], flags: readonly string[] = []): ChildProcess {
  const child = fork(fileURLToPath(new URL(entry, import.meta.url)), parameters, {
    // A group of its own: Ctrl-C in a terminal reaches the script, which then decides.
    detached: true,
    execArgv: [...flags],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  // A child that ended before it could be spoken to shows by its end.
  return child.on("error", () => undefined);
}

/** The child no longer keeps this process alive; its end, whatever its cause, ends the child. */
export function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

/** Resolves when all have ended by themselves, as they do without their parent; after `patience` milliseconds they are killed. */
export async function stop(children: readonly ChildProcess[], patience: number): Promise<void> {
  const exits = children.map((child) => {
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    child.ref();
    return new Promise<void>((resolve) => child.once("exit", () => resolve()));
  });
  for (const child of children) if (child.connected) child.disconnect();
  const timer = setTimeout(() => {
    for (const child of children) child.kill("SIGKILL");
  }, patience);
  await Promise.all(exits);
  clearTimeout(timer);
}
