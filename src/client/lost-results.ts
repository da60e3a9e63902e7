/** Results that died with their engine before the client had fetched them. */

import type { ControllerLink } from "./controller-link.ts";
import type { ClientTask } from "./task.ts";
import type { TaskBook } from "./task-book.ts";

/** What is needed of the session. */
export interface Rerunning {
  readonly link: Pick<ControllerLink, "request">;
  readonly tasks: TaskBook;
}

/**
 * Runs a load-balanced task again, as its policy for dead engines says; what that comes to is its outcome.
 * @param error what it fails with if it is not to be run again, or what it was sent with is not kept any more
 */
export function runAgain({ link, tasks }: Rerunning, task: ClientTask, error: Error): void {
  const again = tasks.make(undefined, tasks.originOf({ submitted: Date.now() }));
  again.losses = task.losses + 1;
  if (!tasks.begin(again)) {
    task.reject(error);
    return;
  }
  again.whenSettled(() => task.endsAs(again));
  const asked = { method: "resubmit", taskIds: [task.id], newIds: [again.id], losses: again.losses } as const;
  link.request(asked).catch(() => tasks.fail([again], error));
}
