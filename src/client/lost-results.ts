/** Results that died with their engine before the client had fetched them. */

import type { ControllerLink } from "./controller-link.ts";
import type { ClientTask } from "./task.ts";

/** What is needed of the session. */
export interface Rerunning {
  readonly link: Pick<ControllerLink, "request">;
  newTask(): ClientTask;
  begin(task: ClientTask): boolean;
  fail(tasks: readonly ClientTask[], error: Error): void;
}

/**
 * Runs a load-balanced task again, as its policy for dead engines says; what that comes to is its outcome.
 * @param error what it fails with if it is not to be run again, or what it was sent with is not kept any more
 */
export function runAgain(session: Rerunning, task: ClientTask, error: Error): void {
  const again = session.newTask();
  again.losses = task.losses + 1;
  again.submitted(Date.now());
  if (!session.begin(again)) {
    task.reject(error);
    return;
  }
  again.whenSettled(() => task.endsAs(again));
  const asked = { method: "resubmit", taskIds: [task.id], newIds: [again.id], losses: again.losses } as const;
  session.link.request(asked).catch(() => session.fail([again], error));
}
