/** Sends tasks to engines: notes it on the board, and gives the instruction. */

import type { EngineBoard } from "./engine-board.ts";
import type { EngineState } from "./engine-state.ts";
import type { TaskBook } from "./task-book.ts";
import type { TaskRun } from "./task-run.ts";
import type { TaskState } from "./task-state.ts";

export interface Sends {
  task(task: TaskState, engine: EngineState): void;
  /** Tasks of a run. */
  piece(run: TaskRun, places: Int32Array, engine: EngineState): void;
}

export function sendsOf(book: TaskBook, board: EngineBoard): Sends {
  return {
    task(task, engine) {
      board.send(engine, task, book.now);
      book.instruct({ type: "dispatch", taskId: task.taskId, engineId: engine.engineId });
    },
    piece(run, places, engine) {
      board.sendPiece(engine, run, places, book.now);
      book.instruct({ type: "dispatchRun", group: run.group, places, engineId: engine.engineId });
    },
  };
}
