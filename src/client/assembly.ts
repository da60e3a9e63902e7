/** How the values of the tasks of a call become the value of the call. */

import type { JoinOptions } from "../parallel-map/join.ts";
import type { ClientTask } from "./task.ts";

export interface Assembly<T> {
  /** Whether the call has one target, and so describes itself by bare values. */
  readonly single: boolean;
  /** Puts the values, in target order, together. */
  assemble(values: readonly unknown[]): T | Promise<T>;
  /** The items of one task's value, for iteration. */
  items(value: unknown, index: number): Iterable<unknown>;
  /** The errors in a value, where those of single items are part of it. */
  errors?(value: unknown): Error[];
  /** How many items each task gives: one, unless the call is a map. */
  readonly counts?: readonly number[] | undefined;
  /** How the values are joined, where they are; else they are one, or a list. */
  readonly join?: JoinOptions | undefined;
  /** Where results stay, it is given the references, and makes of them what the call gives. */
  readonly takesRefs?: boolean | undefined;
  /** How many items there are in all, where the tasks are not all known at once. */
  readonly length?: number | undefined;
}

/** The value of a single task as it is. */
export const bareValue: Assembly<unknown> = {
  single: true,
  assemble: ([value]) => value,
  items: (value) => [value],
};

/** The values of several tasks as a list. */
export const valueList: Assembly<unknown[]> = {
  single: false,
  assemble: (values) => [...values],
  items: (value) => [value],
};

/** Why the task failed, or items of it did. */
export function errorsIn(assembly: Assembly<unknown>, { error, value }: ClientTask): Error[] {
  return error === undefined ? (assembly.errors?.(value) ?? []) : [error];
}

/** How many items a task of the call gives. */
export function itemCount(assembly: Assembly<unknown>, index: number): number {
  return assembly.counts?.[index] ?? 1;
}

/** The value of a call in which tasks may have failed: each error stands in the place of the values that are missing. */
export function valueWithErrors<T>(assembly: Assembly<T>, tasks: readonly ClientTask[]): T | Promise<T> {
  if (tasks.every((task) => errorsIn(assembly, task).length === 0))
    return assembly.assemble(tasks.map((task) => task.value));
  const slots = tasks.flatMap((task, index): unknown[] => itemsWithErrors(assembly, task, index));
  return (assembly.single && assembly.counts === undefined ? slots[0] : slots) as T;
}

/** The items of one task, or its error as often as it has items. */
export function itemsWithErrors(assembly: Assembly<unknown>, task: ClientTask, index: number): unknown[] {
  if (task.error !== undefined) return new Array(itemCount(assembly, index)).fill(task.error);
  return assembly.counts === undefined ? [task.value] : [...assembly.items(task.value, index)];
}
