/** The tasks that have not ended, how others ended, and the instructions that the event in hand has brought about. */

import { Endings } from "./endings.ts";
import type { Failure, Instruction } from "./events.ts";
import type { TaskRun } from "./task-run.ts";
import type { TaskState } from "./task-state.ts";

/** Tasks that are not by themselves. */
export interface RunsOfTasks extends Iterable<{ readonly run: TaskRun; readonly place: number }> {
  has(taskId: string): boolean;
  /** A task, by itself from now on, if it is at an engine. */
  sent(taskId: string): TaskState | undefined;
}

/** What others are told of a task that has ended. */
export type EndedTask = Pick<TaskState, "taskId" | "engineId">;

export class TaskBook {
  /** Those that are not in {@link runs}. */
  readonly tasks: Map<string, TaskState> = new Map();
  runs: RunsOfTasks | undefined;
  readonly endings: Endings = new Endings();
  /** The time of the event in hand. */
  now = 0;
  #instructions: Instruction[] = [];
  /** Tasks that have ended, whose dependents do not know yet; and whether each did so well. */
  #ended: TaskState[] = [];
  #succeeded: boolean[] = [];
  readonly #endedRuns: { run: TaskRun; places: Int32Array; engineId: number }[] = [];
  /** Called at once for each task that ends, so that nothing more is done with it. */
  onEnd: (task: TaskState) => void = () => undefined;

  /** Whether the task has been submitted and has not ended. */
  has(taskId: string): boolean {
    return this.tasks.has(taskId) || this.runs?.has(taskId) === true;
  }

  /** A task that is by itself, or at an engine. */
  get(taskId: string): TaskState | undefined {
    return this.tasks.get(taskId) ?? this.runs?.sent(taskId);
  }

  /** The instructions since the last call. */
  takeInstructions(): Instruction[] {
    const instructions = this.#instructions;
    this.#instructions = [];
    return instructions;
  }

  instruct(instruction: Instruction): void {
    this.#instructions.push(instruction);
  }

  /** The outcome that the engine told is the task's. */
  settle(task: TaskState, succeeded: boolean): void {
    this.instruct({ type: "settle", taskId: task.taskId, engineId: task.engineId });
    this.end(task, succeeded);
  }

  /** The task will not run. */
  fail(task: TaskState, failure: Failure, reason: string): void {
    const { taskId, engineId } = task;
    this.instruct({ type: "fail", taskId, engineId, failure, reason });
    this.end(task, false);
  }

  /** The task is forgotten before it was sent anywhere. */
  abort(task: TaskState): void {
    this.instruct({ type: "aborted", taskId: task.taskId, engineId: task.engineId });
    this.end(task, false);
  }

  /** Calls `listener` for each task that has ended, also for those that end meanwhile; for those of runs if `isAwaited`. */
  takeEnded(listener: (task: EndedTask, succeeded: boolean) => void, isAwaited: boolean): void {
    for (const { run, places, engineId } of this.#endedRuns.splice(0)) {
      this.endings.noteRun(run, places, { succeeded: true, engineId });
      if (isAwaited) for (const place of places) listener({ taskId: run.idAt(place), engineId }, true);
    }
    for (let next = 0; next < this.#ended.length; next++) {
      const task = this.#ended[next] as TaskState;
      const succeeded = this.#succeeded[next] as boolean;
      this.endings.note(task.taskId, { succeeded, engineId: task.engineId });
      listener(task, succeeded);
    }
    if (this.#ended.length === 0) return;
    this.#ended = [];
    this.#succeeded = [];
  }

  /** An engine has done these tasks well. */
  endRun(run: TaskRun, places: Int32Array, engineId: number): void {
    this.#endedRuns.push({ run, places, engineId });
  }

  /** The task is over; whoever is to know is told otherwise. */
  end(task: TaskState, succeeded: boolean): void {
    task.status = "ended";
    this.tasks.delete(task.taskId);
    this.onEnd(task);
    this.#ended.push(task);
    this.#succeeded.push(succeeded);
  }
}
