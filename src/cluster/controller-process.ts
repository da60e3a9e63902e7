/** The controller's process, which is started anew when it dies, if the cluster was started so. */

import type { ChildProcess } from "node:child_process";
import type { ControllerConfiguration, ControllerNews } from "../controller/main.ts";
import { Restarts } from "../controller/restarts.ts";
import { ConnectionError } from "../errors.ts";
import type { RestartPolicy } from "../protocol/policies.ts";
import { letGo, start } from "./children.ts";

/**
 * For V8 in the controller. What it holds is bounded, but V8 lets garbage grow to several times of that, over hours,
 * before it collects it, and its space for new objects from 1 to 48 MB. So:
 * one size of that space, and a collection when the heap has grown by a fifth. Little is alive at any time: threads that
 * help to collect cost more than they save, and a small space for new objects lets go of buffers early.
 */
const CONTROLLER_FLAGS: readonly string[] = [
  "--min-semi-space-size=4",
  "--max-semi-space-size=4",
  "--heap-growing-percent=20",
  "--single-threaded-gc",
];

/** @param connectionFile so that it is removed even if this process ends before it has sent the configuration */
export function startController(connectionFile: string): ChildProcess {
  return start("../controller/main.js", [connectionFile], CONTROLLER_FLAGS);
}

export interface ControllerListener {
  /** Another process has taken its place. */
  restarted(pid: number): void;
  /** It has ended, and nobody takes its place. */
  ended(): void;
}

export class ControllerProcess {
  readonly #configuration: ControllerConfiguration;
  readonly #restarts: Restarts | undefined;
  readonly #listener: ControllerListener;
  #child: ChildProcess;
  #isWanted = true;

  private constructor(
    child: ChildProcess,
    configuration: ControllerConfiguration,
    restart: RestartPolicy | undefined,
    listener: ControllerListener,
  ) {
    this.#child = child;
    this.#configuration = configuration;
    this.#restarts = restart && new Restarts(restart);
    this.#listener = listener;
    this.#watch();
  }

  /** Configures a process that was started. @throws ConnectionError when it does not come up. */
  static async begin(
    child: ChildProcess,
    configuration: ControllerConfiguration,
    restart: RestartPolicy | undefined,
    listener: ControllerListener,
  ): Promise<{ readonly controller: ControllerProcess; readonly port: number }> {
    const port = await configure(child, configuration);
    const known = { ...configuration, port };
    return { controller: new ControllerProcess(child, known, restart, listener), port };
  }

  get child(): ChildProcess {
    return this.#child;
  }

  /** Its end is meant from now on. */
  leave(): void {
    this.#isWanted = false;
  }

  #watch(): void {
    this.#child.once("exit", (code) => {
      // With code 0 it has done what it was asked to.
      const pause = this.#isWanted && code !== 0 ? this.#restarts?.next(performance.now()) : undefined;
      if (pause === undefined) this.#listener.ended();
      else setTimeout(() => void this.#restart(), pause);
    });
  }

  async #restart(): Promise<void> {
    if (!this.#isWanted) {
      this.#listener.ended();
      return;
    }
    this.#child = startController(this.#configuration.connectionFile);
    this.#watch();
    try {
      await configure(this.#child, this.#configuration);
      letGo(this.#child);
      this.#listener.restarted(this.#child.pid as number);
    } catch {
      // Its end is its own news, or comes now.
      this.#child.kill("SIGKILL");
    }
  }
}

/** Gives the port on which it listens. */
function configure(child: ChildProcess, configuration: ControllerConfiguration): Promise<number> {
  child.send(configuration);
  return new Promise((resolve, reject) => {
    child.once("message", (message) => {
      const news = message as ControllerNews;
      if ("port" in news) resolve(news.port);
      else reject(new ConnectionError(`the controller could not be started: ${news.error}`));
    });
    child.once("error", (error) =>
      reject(new ConnectionError(`the controller could not be started: ${error.message}`)),
    );
    child.once("exit", (code, signal) => {
      reject(new ConnectionError(`the controller ended before it was ready (${signal ?? `exit code ${code}`})`));
    });
  });
}
