/** The pools of threads behind one small interface. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Runs one of the functions of `peers/pool-tasks.mjs` in any free thread. */
export interface Pool {
  run(name: string, parameter: unknown): Promise<unknown>;
  close(): Promise<unknown>;
}

export type PoolLibrary = "piscina" | "tinypool" | "workerpool" | "poolifier";

type Constructor<T> = new (...parameters: unknown[]) => T;

interface NamedRunner {
  run(parameter: unknown, options: { name: string }): Promise<unknown>;
  destroy(): Promise<unknown>;
}
interface Workerpool {
  pool(
    file: string,
    options: object,
  ): {
    exec(name: string, parameters: unknown[]): Promise<unknown>;
    terminate(): Promise<unknown>;
  };
}
interface Poolifier {
  readonly FixedThreadPool: Constructor<{
    execute(parameter: unknown, name: string): Promise<unknown>;
    destroy(): Promise<unknown>;
  }>;
}

const peers = new URL("../peers/", import.meta.url);
/** The threads are plain: nothing that loads the runner's own files is inherited. */
const execArgv: string[] = [];

/** Where a package of `benchmarks/peers` is installed. @throws Error when it is not. */
export function resolvePeer(name: string): string {
  return createRequire(new URL("package.json", peers)).resolve(name);
}

/** The version of an installed package, read from the package.json above its entry. */
export function peerVersion(name: string): string {
  for (let directory = dirname(resolvePeer(name)); ; directory = dirname(directory)) {
    const file = join(directory, "package.json");
    const description = readIfThere(file);
    if (description?.name === name) return description.version;
    if (directory === dirname(directory)) return "unknown";
  }
}

/** Loads a pool's library. Gives what makes a pool of so many threads. @throws Error when it is not installed. */
export async function loadPool(library: PoolLibrary): Promise<(threads: number) => Pool> {
  const module: unknown = await import(pathToFileURL(resolvePeer(library)).href);
  return (threads) => makers[library](module, threads);
}

const makers: Readonly<Record<PoolLibrary, (module: unknown, threads: number) => Pool>> = {
  piscina: (module, threads) => {
    // Its entry is CommonJS: which of its names import() sees depends on the runtime.
    const { Piscina } = ((module as { default?: unknown }).default ?? module) as { Piscina: Constructor<NamedRunner> };
    return namedRunner(new Piscina({ ...fixed(threads), filename: path("pool-tasks.mjs"), execArgv }));
  },
  tinypool: (module, threads) => {
    const { Tinypool } = module as { Tinypool: Constructor<NamedRunner> };
    return namedRunner(new Tinypool({ ...fixed(threads), filename: path("pool-tasks.mjs"), execArgv }));
  },
  workerpool: (module, threads) => {
    const { pool: makePool } = ((module as { default?: Workerpool }).default ?? module) as Workerpool;
    const pool = makePool(path("workerpool-worker.mjs"), {
      workerType: "thread",
      minWorkers: threads,
      maxWorkers: threads,
      workerThreadOpts: { execArgv },
    });
    return { run: async (name, parameter) => pool.exec(name, [parameter]), close: async () => pool.terminate() };
  },
  poolifier: (module, threads) => {
    const { FixedThreadPool } = module as Poolifier;
    const pool = new FixedThreadPool(threads, path("poolifier-worker.mjs"), { workerOptions: { execArgv } });
    return { run: (name, parameter) => pool.execute(parameter, name), close: () => pool.destroy() };
  },
};

function namedRunner(pool: NamedRunner): Pool {
  return { run: (name, parameter) => pool.run(parameter, { name }), close: () => pool.destroy() };
}

function fixed(threads: number): object {
  return { minThreads: threads, maxThreads: threads, idleTimeout: Number.POSITIVE_INFINITY };
}

function path(file: string): string {
  return fileURLToPath(new URL(file, peers));
}

function readIfThere(file: string): { readonly name: string; readonly version: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
