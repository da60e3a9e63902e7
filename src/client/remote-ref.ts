/** References to results that stay on their engines (flag `keep`). */

import { shown } from "../errors.ts";
import { type JoinOptions, joinReceived } from "../parallel-map/join.ts";
import type { CallValue } from "../protocol/calls.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import type { KeptArgument, KeptValue } from "../protocol/kept.ts";
import type { Assembly } from "./assembly.ts";
import { bareValue } from "./assembly.ts";
import type { FetchKept, KeptHandle } from "./kept-handles.ts";
import { printAs } from "./printed.ts";
import type { Session } from "./session.ts";
import type { Wait } from "./waiting.ts";

/** Where a value is kept. */
export interface RefPlace {
  readonly engineId: number;
  readonly engineUuid: string;
  /** The device of the engine, if it has one. */
  readonly device: DeviceInfo | undefined;
}

/** A kept value, or some of its items. */
export interface RefPiece {
  readonly handle: KeptHandle;
  readonly range?: { readonly start: number; readonly stop: number } | undefined;
}

/** What a reference consists of. */
export interface RefParts<T> {
  readonly session: Session;
  readonly pieces: readonly RefPiece[];
  readonly whole: KeptArgument["whole"];
  /** How the values become what `get()` gives. */
  readonly assembly: Assembly<T>;
}

/** The parts of a reference, for those who send and divide it. */
export let partsOf: (ref: RemoteRef) => RefParts<unknown>;

/**
 * The result of a call with the flag `keep`: it stays where it was computed, on one engine or in parts on several. As an
 * argument of later calls, at any depth, it stands for the value: engines that keep it use their own, without moving a
 * byte; others get it from those. As a sequence of `map` and of parallel functions it is divided, if need be, as it lies.
 *
 * A task is given the kept value itself: what it writes there, later tasks see. On other engines it arrives as everything
 * that was sent: read-only.
 *
 * The engines let go of it when it is freed, by {@link RemoteRef.free} or `using`, when it is garbage collected here, and
 * when this client ends. An engine that ends takes what it kept with it: then calls that need it fail with EngineError.
 *
 * @example
 * ```ts no-run
 * using weights = await rc.at(0).with({ keep: true }).apply(() => new Float64Array(1e6));
 * await rc.at(0).apply((w: Float64Array) => w.length, weights); // nothing but the name travels
 * const here = await weights.get(); // Float64Array
 * ```
 */
export class RemoteRef<T = unknown> implements Disposable {
  readonly #parts: RefParts<T>;

  static {
    partsOf = (ref) => ref.#parts;
  }

  /** Made by calls with the flag `keep`; not for programs to call. */
  constructor(parts: RefParts<T>) {
    this.#parts = parts;
  }

  /**
   * One reference to the values of several, joined as `gather` joins parts.
   * @throws TypeError for what is no RemoteRef, or for none at all
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type of the joined whole cannot be told from those of the parts
  static join(refs: readonly RemoteRef<any>[], options: JoinOptions = {}): RemoteRef<any> {
    for (const ref of refs) {
      if (!(ref instanceof RemoteRef)) throw new TypeError(`join takes RemoteRefs; given: ${shown(ref)}`);
    }
    const [first] = refs;
    if (first === undefined) throw new TypeError("join needs at least one RemoteRef");
    const assembly: Assembly<unknown> = {
      single: false,
      assemble: (values) => joinReceived(values, options),
      items: (value) => [value],
    };
    const pieces = refs.flatMap((ref) => ref.#parts.pieces);
    return new RemoteRef({ session: first.#parts.session, pieces, whole: options, assembly });
  }

  /** The element type of an array or a tensor; of several parts, what all of them have. */
  get dtype(): string | undefined {
    const [first, ...others] = this.#values;
    return others.every(({ dtype }) => dtype === first?.dtype) ? first?.dtype : undefined;
  }

  /** The shape of an array or a tensor; of parts that are joined, that of the whole. */
  get shape(): readonly number[] | undefined {
    const { pieces, whole } = this.#parts;
    const shapes = pieces.map(shapeOf);
    const [first] = shapes;
    if (first === undefined || whole === "list" || shapes.length === 1) return shapes.length === 1 ? first : undefined;
    const axis = whole === "one" ? 0 : (whole.axis ?? 0);
    const lengths = shapes.map((shape) => shape?.[axis]);
    if (lengths.includes(undefined)) return undefined;
    return first.with(
      axis,
      (lengths as number[]).reduce((sum, length) => sum + length, 0),
    );
  }

  /** Where it is kept; of several parts, where the first is. */
  get place(): RefPlace {
    return this.places[0] as RefPlace;
  }

  /** Where each part is kept. */
  get places(): readonly RefPlace[] {
    const { engines } = this.#parts.session;
    return this.#values.map(({ engineId, owner }) => {
      const engine = engines.get(engineId);
      return { engineId, engineUuid: owner, device: engine?.uuid === owner ? engine.device : undefined };
    });
  }

  /** The engines that keep it, by part. */
  get engineIds(): number[] {
    return this.#values.map(({ engineId }) => engineId);
  }

  /** Whether it was freed. */
  get isFreed(): boolean {
    return this.#parts.pieces.some(({ handle }) => handle.isFreed);
  }

  /**
   * The value: what the call would have given without `keep`. It goes on being kept.
   * @throws EngineError when an engine that kept it is gone; Error when it was freed; TimeoutError
   */
  async get(options: Wait = {}): Promise<T> {
    const { session, pieces, assembly } = this.#parts;
    for (const { handle } of pieces) checkUsable(handle);
    const each = pieces.map((piece): CallValue => {
      const value = new RemoteRef({ session, pieces: [piece], whole: "one", assembly: bareValue });
      return { operation: "give", value };
    });
    const targets = pieces.map(({ handle }) => handle.value.engineId);
    return await (session.kept.fetch as FetchKept)(each, targets, assembly).get(options);
  }

  /** A reference for each part. */
  split(): RemoteRef<unknown>[] {
    const { session, pieces } = this.#parts;
    return pieces.map((piece) => new RemoteRef({ session, pieces: [piece], whole: "one", assembly: bareValue }));
  }

  /** The engines need not keep it any longer. Calls that were made with it before still find it. */
  free(): void {
    for (const { handle } of this.#parts.pieces) handle.free();
  }

  /** {@link free}, so that `using` does it. */
  [Symbol.dispose](): void {
    this.free();
  }

  get #values(): KeptValue[] {
    return this.#parts.pieces.map(({ handle }) => handle.value);
  }
}

/** How many items it has, if it can be divided. */
export function lengthOf({ handle, range }: RefPiece): number | undefined {
  return range === undefined ? handle.value.length : range.stop - range.start;
}

function shapeOf({ handle, range }: RefPiece): readonly number[] | undefined {
  const { shape } = handle.value;
  return range === undefined ? shape : shape?.with(0, range.stop - range.start);
}

function checkUsable(handle: KeptHandle): void {
  const { id, engineId } = handle.value;
  if (handle.isFreed) throw new Error(`value ${id}, which engine ${engineId} kept, was freed`);
  handle.checkEngine();
}

printAs(RemoteRef, ({ isFreed, engineIds, dtype, shape }) => ({ isFreed, engineIds, dtype, shape }));
