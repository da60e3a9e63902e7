/** How a command ends that does not do what it was asked. */

/** What the process ends with. */
export const ExitCode = {
  success: 0,
  /** Something went wrong: the message says what. */
  failure: 1,
  /** The arguments make no sense. */
  usage: 2,
  /** A cluster with that id is running already. */
  alreadyRunning: 10,
  /** No such cluster is running. */
  notRunning: 11,
} as const;

export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}
