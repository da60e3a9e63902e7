/** When the memory of what was sent may be written again. */

/** Whether, and when, the memory of a tracked call's arrays had left. */
export interface SendTracker {
  readonly done: boolean;
  readonly promise: Promise<void>;
  /** Somebody waits for it: what is kept from being done by arrays that are in use is asked for. */
  urge(): void;
}

/** For what nobody tracks. */
export const SENT: SendTracker = { done: true, promise: Promise.resolve(), urge: () => undefined };

/** What a tracked call waits for. */
export interface Expected {
  /** Messages that leave, and borrowed buffers that are read. */
  readonly sends: number;
  /** The user's shared arrays, which the receivers see as long as they use them. */
  readonly lent: number;
  /** Asks the receivers to make copies of those. */
  readonly reclaim: () => void;
}

/** Done when as much as expected has been sent and given back; when the tasks have ended, nothing is left to send. */
export class CallTracker implements SendTracker {
  readonly promise: Promise<void>;
  #resolve: () => void = () => undefined;
  #expected: Expected | undefined;
  #sent = 0;
  #returned = 0;
  #isFinished = false;
  #isUrged = false;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get done(): boolean {
    if (this.#expected === undefined) return this.#isFinished;
    const { sends, lent } = this.#expected;
    return (this.#isFinished || this.#sent >= sends) && this.#returned >= lent;
  }

  urge(): void {
    this.#isUrged = true;
    if (!this.done) this.#expected?.reclaim();
  }

  /** All has been handed over. */
  expect(expected: Expected): void {
    this.#expected = expected;
    this.#check();
    if (this.#isUrged) this.urge();
  }

  /** A message has left. */
  onSent(): void {
    this.#sent++;
    this.#check();
  }

  /** A borrowed buffer is no longer read. */
  onReleased(): void {
    this.onSent();
  }

  /** A lent array is no longer used by anybody else. */
  onReturned(): void {
    this.#returned++;
    this.#check();
  }

  /** The tasks have ended: nothing is read any more, whether it was sent or not. */
  finish(): void {
    this.#isFinished = true;
    this.#check();
  }

  #check(): void {
    if (this.done) this.#resolve();
  }
}
