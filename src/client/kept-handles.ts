/** The values that engines keep for this client: which of its calls use them, and when they are needed no longer. */

import { EngineError } from "../errors.ts";
import type { CallValue } from "../protocol/calls.ts";
import type { KeptValue, ReleaseKept } from "../protocol/kept.ts";
import type { Assembly } from "./assembly.ts";
import type { ClientTask } from "./task.ts";
import type { Wait } from "./waiting.ts";

/** One value that an engine keeps, however many references lead to it. */
export class KeptHandle {
  readonly value: KeptValue;
  readonly #owner: KeptHandles;
  /** How many tasks that were sent and have not ended use it. */
  users = 0;
  isFreed = false;

  constructor(value: KeptValue, owner: KeptHandles) {
    this.value = value;
    this.#owner = owner;
  }

  /** The engine need not keep it any longer; what was sent and uses it still finds it. */
  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    this.#owner.forget(this);
    if (this.users === 0) this.#owner.release(this.value);
  }

  /** @throws EngineError when the engine is gone */
  checkEngine(): void {
    this.#owner.checkEngine(this.value);
  }
}

/** The part of a session that is used here. */
export interface KeepingSession {
  readonly link: { readonly uuid: string; readonly ended: Error | undefined; send(message: ReleaseKept): void };
  readonly engines: ReadonlyMap<number, { readonly uuid: string }>;
}

/** Calls that give back what is kept, each on one engine, and what `assembly` makes of it. */
export type FetchKept = <T>(
  each: readonly CallValue[],
  engineIds: readonly number[],
  assembly: Assembly<T>,
) => { get(options: Wait): Promise<T> };

export class KeptHandles {
  /** Set by the client. */
  fetch: FetchKept | undefined;
  readonly #session: KeepingSession;
  readonly #known = new Map<string, WeakRef<KeptHandle>>();
  /** Those that tasks under way use. */
  readonly #used = new Set<KeptHandle>();
  readonly #collected = new FinalizationRegistry<KeptValue>((value) => {
    const name = nameOf(value);
    if (this.#known.get(name)?.deref() !== undefined) return;
    this.#known.delete(name);
    if (value.client === this.#session.link.uuid) this.release(value);
  });

  constructor(session: KeepingSession) {
    this.#session = session;
  }

  /** The handle of a value that an engine has told of. */
  of(value: KeptValue): KeptHandle {
    const known = this.#known.get(nameOf(value))?.deref();
    if (known !== undefined) return known;
    const handle = new KeptHandle(value, this);
    this.#known.set(nameOf(value), new WeakRef(handle));
    this.#collected.register(handle, value, handle);
    return handle;
  }

  /** The values are needed until the tasks have ended. */
  hold(handles: Iterable<KeptHandle>, tasks: readonly ClientTask[]): void {
    for (const handle of handles) {
      handle.users += tasks.length;
      this.#used.add(handle);
      for (const task of tasks) task.whenSettled(() => this.#letGo(handle));
    }
  }

  /** It was freed: its collection is of no more interest. */
  forget(handle: KeptHandle): void {
    this.#collected.unregister(handle);
    this.#known.delete(nameOf(handle.value));
  }

  release({ owner, id }: KeptValue): void {
    const { link } = this.#session;
    if (link.ended === undefined) link.send({ type: "releaseKept", owner, ids: [id] });
  }

  checkEngine({ engineId, owner, id }: KeptValue): void {
    if (this.#session.engines.get(engineId)?.uuid === owner) return;
    const message = `engine ${engineId} is gone, and with it value ${id}, which it kept: compute it again`;
    throw new EngineError(message, { engineId, engineUuid: owner });
  }

  #letGo(handle: KeptHandle): void {
    if (--handle.users > 0) return;
    this.#used.delete(handle);
    if (handle.isFreed) this.release(handle.value);
  }
}

function nameOf({ owner, id }: KeptValue): string {
  return `${owner} ${id}`;
}

const NONE: ReadonlySet<KeptHandle> = new Set();

/** Those that the value being encoded has met so far; undefined as long as it has met none. */
let met: Set<KeptHandle> | undefined;

/** What `encode` gives, and the handles that it met. */
export function meetingHandles<T>(encode: () => T): { readonly encoded: T; readonly handles: ReadonlySet<KeptHandle> } {
  const outer = met;
  met = undefined;
  try {
    const encoded = encode();
    return { encoded, handles: met ?? NONE };
  } finally {
    met = outer;
  }
}

/** A value is about to be encoded that this handle stands for. */
export function meetHandle(handle: KeptHandle): void {
  met ??= new Set();
  met.add(handle);
}
