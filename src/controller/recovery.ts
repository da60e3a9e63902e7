/**
 * Which of the tasks that an earlier controller had are at engines, and which are to be queued again: a pure state
 * machine. What an engine has, it says itself when it is back; until then, for as long as it computes, the tasks that were
 * sent there wait. It is known of each where it was sent last, if it was, since that is written before it leaves.
 */

export interface RecoveringTask {
  readonly taskId: string;
  /** Where it was sent, or will be; negative for a load-balanced task that is nowhere. */
  readonly engineId: number;
}

/** What is to be done, in this order. */
export interface RecoverySteps {
  /** Tasks that are at the engine in question. */
  readonly adopt: readonly string[];
  /** Tasks that no engine has: they go their way from the beginning. */
  readonly release: readonly string[];
  /** Tasks that the engine has and is not to have. */
  readonly drop: readonly string[];
}

const NOTHING: RecoverySteps = { adopt: [], release: [], drop: [] };

export class Recovery {
  /** In the order in which they came. */
  readonly #tasks = new Map<string, RecoveringTask>();
  /** Engines that have not said what they have; `undefined` as long as nobody has said which there are. */
  #awaited: Set<number> | undefined;

  constructor(tasks: readonly RecoveringTask[]) {
    for (const task of tasks) this.#tasks.set(task.taskId, task);
  }

  /** Nothing is waited for any more. */
  get isOver(): boolean {
    return this.#awaited?.size === 0;
  }

  /** Nobody has said which engines there are. */
  get isUninformed(): boolean {
    return this.#awaited === undefined;
  }

  /** Whether it has to be heard of the engine first; if negative, whether there are any. */
  awaits(engineId: number): boolean {
    return this.#awaited?.has(engineId) ?? true;
  }

  /** A task that may be at an engine that is awaited: it waits, too. */
  add(task: RecoveringTask): void {
    this.#tasks.set(task.taskId, task);
  }

  /** These engines are there, or were lately. */
  expect(engineIds: readonly number[]): RecoverySteps {
    this.#awaited = new Set(engineIds);
    return this.#release();
  }

  /** The engine is back, with these tasks. */
  announced(engineId: number, taskIds: readonly string[]): RecoverySteps {
    this.#awaited?.delete(engineId);
    const adopt: string[] = [];
    const drop: string[] = [];
    for (const taskId of taskIds) (this.#tasks.delete(taskId) ? adopt : drop).push(taskId);
    return { ...this.#release(), adopt, drop };
  }

  /** The engine is gone: what was sent to it dies with it. */
  lost(engineId: number): RecoverySteps {
    if (this.#awaited?.delete(engineId) !== true) return NOTHING;
    const adopt = [...this.#tasks.values()].filter((task) => task.engineId === engineId).map(({ taskId }) => taskId);
    for (const taskId of adopt) this.#tasks.delete(taskId);
    return { ...this.#release(), adopt };
  }

  #release(): RecoverySteps {
    const awaited = this.#awaited;
    if (awaited === undefined) return NOTHING;
    const release = [...this.#tasks.values()].flatMap((task) => (awaited.has(task.engineId) ? [] : task.taskId));
    for (const taskId of release) this.#tasks.delete(taskId);
    return { ...NOTHING, release };
  }
}
