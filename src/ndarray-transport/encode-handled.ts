/**
 * The part of the walk in encode.ts that concerns handlers: functions, and what else the layers above taught.
 *
 * Values of a stepped handler are written as head and body. While the head of one is walked, the bodies of others that
 * are met in it are put off until the value itself can be made, so that they may refer to it: a base class whose method
 * makes instances of a derived one.
 */

import { contentKey } from "./content-key.ts";
import type { Walker } from "./encode-builtins.ts";
import { asRefusal } from "./refusal.ts";
import type { AnyHandler, SteppedHandler, Subject, TypeHandler, WalkState } from "./types.ts";
import { Kind } from "./wire.ts";

/** The walk, as far as it is needed here. */
export interface NumberingWalker extends Walker {
  /** The number of an object that was met before. */
  numberOf(value: object): number | undefined;
  /** Objects that references may not lead to yet. */
  readonly unfinished: Set<object>;
}

/** A value that is made, and whose body is written later. */
interface Postponed {
  readonly value: object;
  readonly handler: SteppedHandler;
  readonly body: unknown;
}

/** The handlers of one walk, and where it is in their values. */
export class HandledValues implements WalkState {
  /** Whether the receiver has something to prepare before it can read the value. */
  needsPreparation = false;
  private readonly walker: NumberingWalker;
  private readonly handlers: readonly AnyHandler[];
  private readonly open: string[] = [];
  private readonly keyed: { readonly first: number; readonly end: number }[] = [];
  private postponed: Postponed[] | undefined;

  constructor(handlers: readonly AnyHandler[], walker: NumberingWalker) {
    this.handlers = handlers;
    this.walker = walker;
  }

  isInside(handlerName: string): boolean {
    return this.open.includes(handlerName);
  }

  hasMet(value: object): boolean {
    return this.walker.numberOf(value) !== undefined;
  }

  /** Whether the walk is inside a value of any handler. */
  get isInsideAny(): boolean {
    return this.open.length > 0;
  }

  find(value: Subject, turn: "first" | "last"): AnyHandler | undefined {
    return this.handlers.find((handler) => (handler.turn ?? "first") === turn && handler.test(value, this));
  }

  /** What counts as `value`: a wrapper is the same as what it wraps. */
  standIn(value: Subject): Subject {
    for (const handler of this.handlers) {
      if (handler.standIn && handler.test(value, this)) return handler.standIn(value);
    }
    return value;
  }

  /** The parts of the special for `value`. */
  encode(value: object, handler: AnyHandler): unknown[] {
    const first = this.walker.buffers.length;
    const parts =
      "takeApart" in handler ? this.stepped(value, handler) : [Kind.handler, handler.name, this.whole(value, handler)];
    if (handler.isKeyed && this.open.length === 0) this.keyed.push({ first, end: this.walker.buffers.length });
    return parts;
  }

  /** A key for each buffer that lies inside a value of a keyed handler; undefined if there is none. */
  keys(): (string | undefined)[] | undefined {
    const { buffers } = this.walker;
    const keys: (string | undefined)[] = new Array(buffers.length).fill(undefined);
    for (const { first, end } of this.keyed) {
      for (let i = first; i < end; i++) keys[i] = contentKey(buffers[i] as Uint8Array);
    }
    return keys.some((key) => key !== undefined) ? keys : undefined;
  }

  private whole(value: object, handler: TypeHandler): unknown {
    this.walker.unfinished.add(value);
    if (handler.prepare) this.needsPreparation = true;
    const payload = this.inside(value, handler, () => this.walker.walk(handler.encode(value as never)));
    this.walker.unfinished.delete(value);
    return payload;
  }

  private stepped(value: object, handler: SteppedHandler): unknown[] {
    const outer = this.postponed;
    this.walker.unfinished.add(value);
    const { head, body, runsCode } = handler.takeApart(value as never);
    const mine: Postponed[] | undefined = runsCode ? undefined : (outer ?? []);
    this.postponed = mine;
    const parts: unknown[] = [Kind.stepped, handler.name, this.inside(value, handler, () => this.walker.walk(head))];
    this.postponed = outer;
    this.walker.unfinished.delete(value);
    if (outer) {
      outer.push({ value, handler, body });
      return parts;
    }
    parts.push(this.inside(value, handler, () => this.walker.walk(body)));
    for (const later of mine ?? []) {
      const walkBody = (): unknown => this.inside(later.value, later.handler, () => this.walker.walk(later.body));
      parts.push(this.walker.numberOf(later.value), this.inside(value, handler, walkBody, later.value));
    }
    return parts;
  }

  private inside(value: object, handler: AnyHandler, walk: () => unknown, part?: object): unknown {
    this.open.push(handler.name);
    try {
      return walk();
    } catch (error) {
      const refusal = asRefusal(error);
      throw handler.refusalIn?.(value as never, refusal, part) ?? refusal;
    } finally {
      this.open.pop();
    }
  }
}
