/**
 * Where a client within an engine's task finds its engine: a property of the global object, since the two share no module
 * (a task may load the package anew).
 */

/** What an engine offers to the clients within its tasks. */
export interface SurroundingEngine {
  readonly uuid: string;
  readonly engineId: number;
  readonly clusterId: string;
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** A client waits for so many tasks more (or, negative, fewer): as long as it waits for any, the engine takes others. */
  waitsFor(change: number): void;
  /** Loads a module, found from the engine's working directory. */
  load(specifier: string): Promise<Record<string, unknown>>;
}

const PLACE = Symbol.for("ndparallel.engine");

type Global = { [PLACE]?: SurroundingEngine };

/** The engine whose process this is; `undefined` elsewhere. */
export function surroundingEngine(): SurroundingEngine | undefined {
  return (globalThis as Global)[PLACE];
}

export function setSurroundingEngine(engine: SurroundingEngine): void {
  Object.defineProperty(globalThis, PLACE, { value: engine });
}
