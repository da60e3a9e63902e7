/**
 * The callbacks in which an engine runs tasks. They come as messages to a port of its own, so that nothing of others shares
 * a callback with a task that is cut short.
 */

export class Turns {
  readonly #take: () => void;
  readonly #channel = new MessageChannel();
  /** What is to be done in a callback of its own. */
  readonly #apart: (() => void)[] = [];
  #isComing = false;

  /** @param take takes a turn */
  constructor(take: () => void) {
    this.#take = take;
    this.#channel.port2.on("message", () => (this.#apart.shift() ?? (() => this.#begin()))());
    this.#channel.port2.unref();
  }

  /** After the packet in hand has been read, so that its tasks are answered together. */
  next(): void {
    if (this.#isComing) return;
    this.#isComing = true;
    this.#post();
  }

  /** After a look around. */
  later(): void {
    this.#isComing = true;
    // Twice, so that the event loop polls the sockets in between, wherever it is now.
    setImmediate(() => setImmediate(() => this.#post()));
  }

  /** None before that has happened. */
  after(event: Promise<void>): void {
    this.#isComing = true;
    void event.then(() => this.#begin());
  }

  /** The turn that was being taken has been cut off. */
  cutOff(): void {
    this.#isComing = false;
  }

  /** Does something in a callback of its own. */
  apart(run: () => void): void {
    this.#apart.push(run);
    this.#post();
  }

  #begin(): void {
    this.#isComing = false;
    this.#take();
  }

  #post(): void {
    this.#channel.port1.postMessage(undefined);
  }
}
