/**
 * Who needs which buffers: tasks and records that hold descriptors, and receivers that were sent some. Pure bookkeeping;
 * the bytes are elsewhere. What nobody needs any more, its owner is told to let go of.
 */

import type { BufferDescriptor, CarriesBuffers } from "../protocol/data-messages.ts";

interface Entry {
  readonly owner: string;
  readonly id: number;
  /** How often its owner has sent a descriptor of it. */
  uses: number;
  /** Its owner wants to write to it: receivers are to make themselves independent of his memory. */
  isReclaimed: boolean;
  /** How many hold it: messages in hand, tasks, records, and receivers as often as they were sent a descriptor. */
  holds: number;
}

/** Tells an owner that nobody needs a buffer, of which so many descriptors had come from it. */
export type Free = (owner: string, id: number, uses: number) => void;

/** Asks a receiver to make itself independent of the memory of a buffer. */
export type Reclaim = (receiver: string, owner: string, id: number) => void;

export class BufferLedger {
  readonly #free: Free;
  readonly #reclaim: Reclaim;
  readonly #byOwner = new Map<string, Map<number, Entry>>();
  readonly #byReceiver = new Map<string, Map<Entry, number>>();

  constructor(free: Free, reclaim: Reclaim = () => undefined) {
    this.#free = free;
    this.#reclaim = reclaim;
  }

  /** How many buffers somebody needs. */
  get size(): number {
    let size = 0;
    for (const entries of this.#byOwner.values()) size += entries.size;
    return size;
  }

  /** A message of `sender` has come; its buffers are held until {@link drop}. */
  arrive(sender: string, { places }: CarriesBuffers): void {
    for (const place of places ?? []) {
      if (place === null) continue;
      const entry = place.owner === sender ? this.#entryOf(place) : this.#find(place);
      if (entry === undefined) continue;
      if (place.owner === sender) entry.uses++;
      entry.holds++;
    }
  }

  /** Somebody here needs them, until {@link drop}. */
  hold({ places }: CarriesBuffers): void {
    for (const place of places ?? []) {
      const entry = place === null ? undefined : this.#find(place);
      if (entry !== undefined) entry.holds++;
    }
  }

  drop({ places }: CarriesBuffers): void {
    for (const place of places ?? []) {
      const entry = place === null ? undefined : this.#find(place);
      if (entry !== undefined) this.#letGo(entry, 1);
    }
  }

  /** A descriptor of each goes to `receiver`, who needs them until {@link released}. */
  deliver(receiver: string, { places }: CarriesBuffers): void {
    for (const place of places ?? []) {
      const entry = place === null ? undefined : this.#find(place);
      if (entry === undefined) continue;
      let received = this.#byReceiver.get(receiver);
      if (received === undefined) {
        received = new Map();
        this.#byReceiver.set(receiver, received);
      }
      received.set(entry, (received.get(entry) ?? 0) + 1);
      entry.holds++;
      if (entry.isReclaimed) this.#reclaim(receiver, entry.owner, entry.id);
    }
  }

  /** `receiver` needs them no longer, each as often as it is named. */
  released(receiver: string, owner: string, ids: readonly number[]): void {
    const received = this.#byReceiver.get(receiver);
    const entries = this.#byOwner.get(owner);
    for (const id of ids) {
      const entry = entries?.get(id);
      const count = entry === undefined ? undefined : received?.get(entry);
      if (entry === undefined || received === undefined || count === undefined) continue;
      if (count > 1) received.set(entry, count - 1);
      else received.delete(entry);
      this.#letGo(entry, 1);
    }
    if (received?.size === 0) this.#byReceiver.delete(receiver);
  }

  /** The owner wants to write to these buffers, now and when they are delivered later. */
  reclaim(owner: string, ids: readonly number[]): void {
    const entries = ids.flatMap((id) => this.#byOwner.get(owner)?.get(id) ?? []);
    for (const entry of entries) {
      entry.isReclaimed = true;
      for (const [receiver, received] of this.#byReceiver) {
        if (received.has(entry)) this.#reclaim(receiver, owner, entry.id);
      }
    }
  }

  /** A process has ended. Gives those that hold buffers of it. */
  gone(uuid: string): string[] {
    for (const [entry, count] of this.#byReceiver.get(uuid) ?? []) this.#letGo(entry, count);
    this.#byReceiver.delete(uuid);
    this.#byOwner.delete(uuid);
    const holders: string[] = [];
    for (const [receiver, received] of this.#byReceiver) {
      const lost = [...received.keys()].filter((entry) => entry.owner === uuid);
      if (lost.length > 0) holders.push(receiver);
      for (const entry of lost) received.delete(entry);
      if (received.size === 0) this.#byReceiver.delete(receiver);
    }
    return holders;
  }

  #find({ owner, id }: BufferDescriptor): Entry | undefined {
    return this.#byOwner.get(owner)?.get(id);
  }

  #entryOf({ owner, id }: BufferDescriptor): Entry {
    let entries = this.#byOwner.get(owner);
    if (entries === undefined) {
      entries = new Map();
      this.#byOwner.set(owner, entries);
    }
    let entry = entries.get(id);
    if (entry === undefined) {
      entry = { owner, id, uses: 0, isReclaimed: false, holds: 0 };
      entries.set(id, entry);
    }
    return entry;
  }

  #letGo(entry: Entry, count: number): void {
    entry.holds -= count;
    if (entry.holds > 0) return;
    const entries = this.#byOwner.get(entry.owner);
    if (entries?.get(entry.id) !== entry) return;
    entries.delete(entry.id);
    if (entries.size === 0) this.#byOwner.delete(entry.owner);
    this.#free(entry.owner, entry.id, entry.uses);
  }
}
