/** What a client does when its controller is back: asks which of its tasks are known, and sends the others again. */

import type { DataPlane } from "../channel/data/data-plane.ts";
import { ConnectionError } from "../errors.ts";
import type { ControllerLink } from "./controller-link.ts";
import type { OutstandingTasks } from "./outstanding-tasks.ts";

/** What it needs of the client. */
interface Session {
  readonly link: ControllerLink;
  readonly plane: DataPlane;
  readonly tasks: { readonly outstanding: Pick<OutstandingTasks, "has" | "keys"> };
}

/**
 * Also of tasks that have ended and may not have been written down. `unsent`: those of the tasks that have not been sent at
 * all.
 */
export function askWhatIsKnown({ link, plane, tasks }: Session, unsent: ReadonlySet<string>): void {
  plane.askAgain();
  const taskIds = new Set([...tasks.outstanding.keys(), ...link.unrecorded()]);
  link.send({ type: "resume", taskIds: [...taskIds].filter((taskId) => !unsent.has(taskId)) });
}

/** Sends tasks again that nobody knows, and then what was asked meanwhile; `lost` hears of those that are not kept here either. */
export function submitUnknown(
  { link, tasks }: Session,
  unknown: readonly string[],
  lost: (taskId: string, error: ConnectionError) => void,
): void {
  for (const taskId of link.submitAgain(unknown, (taskId) => tasks.outstanding.has(taskId))) {
    const message =
      `the controller was restarted, and task "${taskId}" is lost: its task database is in memory; ` +
      'with controller: { database: "sqlite" } tasks outlive the controller';
    lost(taskId, new ConnectionError(message));
  }
  // What it asks now is answered with them in mind.
  link.resumed();
}
