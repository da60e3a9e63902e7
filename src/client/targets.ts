/** Which engines a view addresses. */

import { EngineError, shown } from "../errors.ts";
import type { Session } from "./session.ts";

/** `"all"`: every engine there is at the time of a call; a number: the engine with that id; a list: those engines. */
export type Targets = "all" | number | readonly number[];

/** Whether a call gives bare values (one target) or arrays of them. */
export type Shape = "one" | "many";

/** The shape that a view on `T` has. */
export type ShapeOf<T> = [T] extends [number] ? "one" : "many";

/** @throws TypeError for what is no target, RangeError for an engine that does not exist, ConnectionError. */
export function checkTargets(targets: unknown, session: Session): Targets {
  if (targets === "all") return targets;
  if (typeof targets === "number") return checkId(targets, session);
  if (Array.isArray(targets)) {
    if (targets.length === 0) throw new RangeError("targets must name at least one engine; the list is empty");
    return Object.freeze(targets.map((id) => checkId(id, session)));
  }
  throw new TypeError(`targets must be "all", an engine id, or a list of engine ids; given: ${shown(targets)}`);
}

/**
 * The ids that a call goes to.
 * @throws EngineError when a lazy view finds no engine at all.
 */
export function resolveTargets(targets: Targets, session: Session): readonly number[] {
  if (typeof targets === "number") return [targets];
  if (targets !== "all") return targets;
  const engineIds = presentIds(session);
  if (engineIds.length === 0) throw new EngineError("no engine is registered: start some, or await waitForEngines(n)");
  return engineIds;
}

/** The id at `index` among the ids there are; negative counts from the end. */
export function idAt(index: unknown, session: Session): number {
  if (!Number.isInteger(index)) throw new TypeError(`index must be an integer; given: ${shown(index)}`);
  const ids = presentIds(session);
  const id = ids.at(index as number);
  if (id === undefined) throw new RangeError(`no engine at index ${String(index)}; ${describeIds(ids)}`);
  return id;
}

/** The ids in a slice with Python's rules: negative bounds count from the end, a negative step goes backwards. */
export function idsInSlice(session: Session, start: unknown, end: unknown, step: unknown = 1): readonly number[] {
  for (const [name, value] of Object.entries({ start, end, step })) {
    if (value !== undefined && !Number.isInteger(value)) {
      throw new TypeError(`${name} must be an integer; given: ${shown(value)}`);
    }
  }
  if (step === 0) throw new RangeError("step must not be 0");
  const ids = presentIds(session);
  const by = step as number;
  const [low, high] = by > 0 ? [0, ids.length] : [-1, ids.length - 1];
  const bound = (value: unknown, otherwise: number): number => {
    if (value === undefined) return otherwise;
    const index = (value as number) < 0 ? (value as number) + ids.length : (value as number);
    return Math.min(Math.max(index, low), high);
  };
  const from = bound(start, by > 0 ? low : high);
  const to = bound(end, by > 0 ? high : low);
  const chosen: number[] = [];
  for (let index = from; by > 0 ? index < to : index > to; index += by) chosen.push(ids[index] as number);
  if (chosen.length === 0) throw new RangeError(`the slice holds no engine; ${describeIds(ids)}`);
  return Object.freeze(chosen);
}

function checkId(id: unknown, session: Session): number {
  if (typeof id !== "number" || !Number.isInteger(id)) {
    throw new TypeError(`an engine id must be an integer; given: ${shown(id)}`);
  }
  const ids = presentIds(session);
  if (!session.engines.has(id)) throw new RangeError(`there is no engine ${id}; ${describeIds(ids)}`);
  return id;
}

/** @throws ConnectionError when the connection has ended: whether there are engines is not known then. */
function presentIds(session: Session): readonly number[] {
  const { ended } = session.link;
  if (ended !== undefined) throw ended;
  return session.engineIds;
}

function describeIds(ids: readonly number[]): string {
  return ids.length === 0 ? "no engine is registered" : `engine ids are: ${ids.join(", ")}`;
}
