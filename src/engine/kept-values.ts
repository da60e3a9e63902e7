/** The values that this engine keeps for clients, so that later tasks find them here, and those it gets from others. */

import { EngineError } from "../errors.ts";
import { dtypeOf, isTypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray } from "../ndarray-transport/ndarrays.ts";
import type { DeserializeOptions } from "../ndarray-transport/serializer.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import { foreignArrays, isForeign } from "../parallel-map/foreign.ts";
import { join } from "../parallel-map/join.ts";
import { outputKind } from "../parallel-map/map-output.ts";
import { type Sequence, sequenceLength, sliceSequence } from "../parallel-map/sequences.ts";
import type { KeptArgument, KeptPiece, KeptValue } from "../protocol/kept.ts";
import { specOfTensor } from "../tensors/adapter.ts";
import { releaseTensors } from "../tensors/task-scope.ts";

/** What a task gives instead of a value that stays here. */
export class KeptResult {
  readonly value: KeptValue;

  constructor(value: KeptValue) {
    this.value = value;
  }
}

/** A value that came from another engine, to be read by the task that needs it. */
interface Moved {
  readonly read: ReadMoved;
  uses: number;
}

/** Reads a value that came from another engine. */
export type ReadMoved = (options: DeserializeOptions) => unknown;

/** Gets a value, or some of its items, from another engine: everything but the reading is done when it resolves. */
export type FetchKept = (piece: KeptPiece) => Promise<ReadMoved>;

export class KeptValues {
  /** How values are told on the wire: results by their names, arguments by what the names stand for. */
  readonly handler: TypeHandler;
  readonly #engine: { readonly engineId: number; readonly uuid: string };
  readonly #remains: () => Iterable<unknown>;
  readonly #values = new Map<number, { readonly value: unknown; readonly client: string }>();
  readonly #goneClients = new Set<string>();
  readonly #moved = new Map<string, Moved>();
  #nextId = 0;
  #reading: DeserializeOptions = {};
  fetch: FetchKept | undefined;

  /** @param remains what lives on here besides */
  constructor(engine: { readonly engineId: number; readonly uuid: string }, remains: () => Iterable<unknown>) {
    this.#engine = engine;
    this.#remains = remains;
    this.handler = {
      name: "kept",
      test: (value) => value instanceof KeptResult,
      encode: ({ value }: KeptResult): KeptArgument => ({ pieces: [value], whole: "one" }),
      prepare: (payload) => this.#prepare(payload as KeptArgument),
      decode: (payload: KeptArgument) => this.#read(payload),
    };
  }

  /** Everything that is kept. */
  *values(): Generator<unknown, void, undefined> {
    for (const { value } of this.#values.values()) yield value;
  }

  keep(value: unknown, client: string): KeptResult {
    const { engineId, uuid } = this.#engine;
    const id = this.#nextId++;
    const kept: KeptValue = { owner: uuid, id, engineId, client, ...describe(value) };
    if (!this.#goneClients.has(client)) this.#values.set(id, { value, client });
    return new KeptResult(kept);
  }

  /** @throws EngineError when it is not kept any more */
  get({ id, start, stop }: Pick<KeptPiece, "id" | "start" | "stop">): unknown {
    const kept = this.#values.get(id);
    if (kept === undefined) {
      const { engineId, uuid } = this.#engine;
      throw new EngineError(
        `value ${id} is not kept by engine ${engineId} any more: it was freed, or its client ended`,
        {
          engineId,
          engineUuid: uuid,
        },
      );
    }
    const { value } = kept;
    if (start === undefined || stop === undefined) return value;
    const isWhole = start === 0 && stop === sequenceLength(value as Sequence);
    return isWhole ? value : sliceSequence(value as Sequence, { start, stop });
  }

  release(ids: readonly number[]): void {
    const released = ids.flatMap((id) => this.#values.get(id)?.value ?? []);
    for (const id of ids) this.#values.delete(id);
    if (released.length > 0) releaseTensors(released, () => [...this.#remains(), ...this.values()]);
  }

  clientGone(client: string): void {
    this.#goneClients.add(client);
    this.release([...this.#values].filter(([, kept]) => kept.client === client).map(([id]) => id));
  }

  /** Reads a call; what came from other engines is read as `options` say. */
  reading<T>(options: DeserializeOptions, read: () => T): T {
    if (this.#moved.size === 0) return read();
    this.#reading = options;
    try {
      return read();
    } finally {
      this.#reading = {};
    }
  }

  /** What was fetched for a task that did not come to read it is of no use. */
  forgetMoved(): void {
    if (this.#moved.size > 0) this.#moved.clear();
  }

  #isOwn({ owner }: KeptPiece): boolean {
    return owner === this.#engine.uuid;
  }

  /** Fetches what other engines keep. */
  #prepare({ pieces = [] }: Partial<KeptArgument>): Promise<unknown> | undefined {
    const others = pieces.filter((piece) => !this.#isOwn(piece));
    return others.length === 0 ? undefined : Promise.all(others.map((piece) => this.#move(piece)));
  }

  async #move(piece: KeptPiece): Promise<void> {
    const read = await this.fetch?.(piece);
    if (read === undefined) return;
    const name = nameOf(piece);
    const moved = this.#moved.get(name) ?? { read, uses: 0 };
    moved.uses++;
    this.#moved.set(name, moved);
  }

  #read(argument: KeptArgument | { readonly nothing: unknown }): unknown {
    if ("nothing" in argument) return argument.nothing;
    const { pieces, whole } = argument;
    const values = pieces.map((piece) => (this.#isOwn(piece) ? this.get(piece) : this.#readMoved(piece)));
    if (whole === "list") return values;
    if (whole === "one" || values.length === 1) return values[0];
    const joined = join(values, whole);
    if (joined instanceof Promise) {
      joined.catch(() => undefined);
      throw new TypeError("tensors that only a device has cannot be joined here by dist roundRobin: get() them first");
    }
    return joined;
  }

  #readMoved(piece: KeptPiece): unknown {
    const name = nameOf(piece);
    const moved = this.#moved.get(name);
    if (moved === undefined) throw new EngineError(`value ${piece.id} of engine ${piece.engineId} was not fetched`);
    if (--moved.uses === 0) this.#moved.delete(name);
    return moved.read(this.#reading);
  }
}

function nameOf({ owner, id, start, stop }: KeptPiece): string {
  return `${owner} ${id} ${start} ${stop}`;
}

/** What is told of a value that stays. */
function describe(value: unknown): Pick<KeptValue, "dtype" | "shape" | "length" | "output"> {
  const spec = specOfTensor(value);
  if (spec !== undefined) {
    const { dtype, shape } = spec;
    if (!isForeign(value)) return { dtype, shape };
    return { dtype, shape, length: shape[0], output: foreignArrays().outputKind(value) };
  }
  if (isTypedArray(value)) return { dtype: dtypeOf(value), shape: [value.length], ...sequenceOf(value) };
  if (Array.isArray(value)) return sequenceOf(value);
  if (!isNdArray(value)) return {};
  const { data, shape } = value;
  const sequence = shape.length > 0 ? sequenceOf(value) : {};
  return { dtype: isTypedArray(data) ? dtypeOf(data) : undefined, shape: [...shape], ...sequence };
}

function sequenceOf(value: Sequence): Pick<KeptValue, "length" | "output"> {
  return { length: sequenceLength(value), output: outputKind(value) };
}
