/** Tasks that came together: their ids are one prefix and ascending numbers, so that each is known by its place. */

import { numberAfter } from "../protocol/task-ids.ts";

export interface TaskGroup {
  /** Ends with a hyphen. */
  readonly prefix: string;
  /** Ascending. */
  readonly ids: ArrayLike<number>;
}

export function isGroup({ prefix, ids }: TaskGroup): boolean {
  if (!prefix.endsWith("-") || ids.length === 0) return false;
  for (let at = 1; at < ids.length; at++) if ((ids[at] as number) <= (ids[at - 1] as number)) return false;
  return true;
}

export function idAt({ prefix, ids }: TaskGroup, place: number): string {
  return prefix + ids[place];
}

/** Where a number lies among ascending ones; -1 if nowhere. */
export function placeOf(numbers: ArrayLike<number>, number: number): number {
  let [low, high] = [0, numbers.length - 1];
  const first = numbers[0] as number;
  // Mostly each is one more than the one before it.
  if ((numbers[high] as number) - first === high) return number < first || number > first + high ? -1 : number - first;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const there = numbers[middle] as number;
    if (there === number) return middle;
    if (there < number) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** A task of a group. */
export interface GroupMember<G extends TaskGroup> {
  readonly group: G;
  readonly place: number;
}

/** Finds tasks of groups by their ids. */
export class GroupIndex<G extends TaskGroup> {
  /** Ascending, none within the numbers of another. */
  readonly #byPrefix = new Map<string, G[]>();

  /** Says whether it was added: that is not so where its numbers lie among those of another group. */
  add(group: G): boolean {
    const groups = this.#byPrefix.get(group.prefix) ?? [];
    const at = afterThose(groups, firstOf(group));
    const [before, after] = [groups[at - 1], groups[at]];
    if (before !== undefined && lastOf(before) >= firstOf(group)) return false;
    if (after !== undefined && firstOf(after) <= lastOf(group)) return false;
    if (at === groups.length) groups.push(group);
    else groups.splice(at, 0, group);
    this.#byPrefix.set(group.prefix, groups);
    return true;
  }

  delete(group: G): void {
    const groups = this.#byPrefix.get(group.prefix) ?? [];
    const at = afterThose(groups, firstOf(group)) - 1;
    if (groups[at] !== group) return;
    if (at === 0) groups.shift();
    else groups.splice(at, 1);
    if (groups.length === 0) this.#byPrefix.delete(group.prefix);
  }

  find(taskId: string): GroupMember<G> | undefined {
    if (this.#byPrefix.size === 0) return undefined;
    const prefix = taskId.slice(0, taskId.lastIndexOf("-") + 1);
    const groups = this.#byPrefix.get(prefix);
    const number = groups === undefined ? -1 : numberAfter(prefix, taskId);
    if (groups === undefined || number < 0) return undefined;
    const group = groups[afterThose(groups, number) - 1];
    const place = group === undefined ? -1 : placeOf(group.ids, number);
    return group === undefined || place < 0 ? undefined : { group, place };
  }

  *[Symbol.iterator](): Generator<G> {
    for (const groups of this.#byPrefix.values()) yield* groups;
  }
}

/** How many of the groups begin with that number or a lower one. */
function afterThose(groups: readonly TaskGroup[], number: number): number {
  let [low, high] = [0, groups.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (firstOf(groups[middle] as TaskGroup) <= number) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstOf({ ids }: TaskGroup): number {
  return ids[0] as number;
}

function lastOf({ ids }: TaskGroup): number {
  return ids[ids.length - 1] as number;
}
