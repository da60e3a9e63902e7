/** Buffers that were received under a name for their content, so that they are fetched once. Bounded by bytes. */

/** Most bytes that are kept. */
const DEFAULT_LIMIT = 256 * 1024 * 1024;

type Bytes = Uint8Array | Promise<Uint8Array>;

export class KeyedCache {
  readonly #limit: number;
  /** The longest unused first. */
  readonly #entries = new Map<string, { readonly byteLength: number; bytes: Bytes }>();
  #byteLength = 0;

  constructor(limit: number = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** The bytes of that name, perhaps still on their way. */
  get(key: string, byteLength: number): Bytes | undefined {
    const entry = this.#entries.get(key);
    if (entry?.byteLength !== byteLength) return undefined;
    if (!(entry.bytes instanceof Promise) && entry.bytes.byteLength !== byteLength) {
      // A task has transferred the memory to somebody else.
      this.drop(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.bytes;
  }

  /** Keeps the bytes, at the cost of those that were not used for the longest time; gives them back. */
  add(key: string, byteLength: number, bytes: Bytes): Bytes {
    this.drop(key);
    if (byteLength > this.#limit) return bytes;
    const entry = { byteLength, bytes };
    this.#entries.set(key, entry);
    this.#byteLength += byteLength;
    for (const [oldest] of this.#entries) {
      if (this.#byteLength <= this.#limit) break;
      this.drop(oldest);
    }
    if (bytes instanceof Promise) {
      bytes.then(
        (arrived) => {
          entry.bytes = arrived;
        },
        () => {
          if (this.#entries.get(key) === entry) this.drop(key);
        },
      );
    }
    return bytes;
  }

  /** Keeps nothing that lies in that memory any more: it was written to. */
  forget(buffer: ArrayBufferLike): void {
    for (const [key, { bytes }] of [...this.#entries]) {
      if (!(bytes instanceof Promise) && bytes.buffer === buffer) this.drop(key);
    }
  }

  /** Keeps what has that name no longer. */
  drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#byteLength -= entry.byteLength;
  }
}
