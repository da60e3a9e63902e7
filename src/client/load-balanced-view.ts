/** The view whose tasks go to whichever engine is free and fits: one engine each, of the scheduler's choosing. */

import type { CallValue } from "../protocol/calls.ts";
import type { Assembly } from "./assembly.ts";
import type { AsyncResult } from "./async-result.ts";
import { encodeBalanced, sendBalanced, singleBalancedCalls, submitBalanced } from "./balanced-call.ts";
import { type BalancedFlags, mergeBalancedFlags, type ResolvedBalancedFlags } from "./balanced-flags.ts";
import { balancedMap } from "./balanced-map.ts";
import { decoratorFactories } from "./decorator-factory.ts";
import type { ParallelDecorator, RemoteDecorator } from "./decorator-types.ts";
import type { WithBlock, WithKeep } from "./flags.ts";
import { imap, mostUnderWay } from "./imap.ts";
import type { PartitionPlan } from "./map-call.ts";
import { printAs } from "./printed.ts";
import type { SingleCalls } from "./single-calls.ts";
import type { ClientTask } from "./task.ts";
import type { TaskHistory } from "./task-history.ts";
import { type PartCall, type Sender, View } from "./view.ts";

/**
 * Tasks for whichever engine is free. `B` tells whether calls give promises (flag `block`) or AsyncResults,
 * `K` whether their values stay on the engines (flag `keep`). There is no
 * push, pull or scatter here: nobody knows beforehand where a task will run.
 */
export class LoadBalancedView<B extends boolean = boolean, K extends boolean = false> extends View<"one", B, K> {
  declare protected readonly sender: Sender<ResolvedBalancedFlags>;
  readonly #singleCalls: SingleCalls;

  /** Made by a client; not for programs to call. */
  constructor(sender: Sender<ResolvedBalancedFlags>) {
    super(sender);
    this.#singleCalls = singleBalancedCalls(sender);
  }

  /** The engines among which is chosen; `null`: all that there are when a task is to run. */
  get targets(): readonly number[] | null {
    const { targets } = this.sender.flags;
    return targets === "all" ? null : typeof targets === "number" ? [targets] : targets;
  }

  get size(): number {
    return this.targets?.length ?? this.sender.session.engineIds.length;
  }

  /** A view with other flags. @throws TypeError for an unknown flag. */
  with<const F extends BalancedFlags>(flags: F): LoadBalancedView<WithBlock<F, B>, WithKeep<F, K>> {
    const { sender } = this;
    return new LoadBalancedView({ ...sender, flags: mergeBalancedFlags(sender.flags, flags, sender.session) });
  }

  /** A decorator: calls of the function go to this view. */
  remote<const F extends BalancedFlags>(flags?: F): RemoteDecorator<"one", WithBlock<F, B>, WithKeep<F, K>> {
    return decoratorFactories.remote(this, flags);
  }

  /** A decorator: calls of the function are divided into chunks, which go to whichever engines are free. */
  parallel<const F extends BalancedFlags>(flags?: F): ParallelDecorator<WithBlock<F, B>, WithKeep<F, K>> {
    return decoratorFactories.parallel(this, flags);
  }

  protected get parts(): number {
    return Math.max(1, this.size);
  }

  protected override get partition(): PartitionPlan {
    const { chunkSize } = this.sender.flags;
    return chunkSize === "auto" ? { parts: this.parts } : { chunkSize };
  }

  protected call(fn: unknown, args: readonly unknown[]): AsyncResult<unknown> {
    return this.#singleCalls.send(fn, args);
  }

  protected mapCall(fn: unknown, sequences: readonly unknown[]): AsyncResult<unknown> {
    this.#expectConnection();
    return balancedMap(this.sender, fn, sequences, this.size);
  }

  protected imapCall(fn: unknown, sequences: readonly unknown[]): AsyncGenerator<unknown, void, undefined> {
    const { sender } = this;
    const { session, flags } = sender;
    const submit = (args: readonly unknown[]): ClientTask => {
      const call: CallValue = { operation: "apply", fn, args };
      return submitBalanced(sender, encodeBalanced(sender, call), { call, units: 1 });
    };
    const abort = (tasks: readonly ClientTask[]): Promise<void> => session.abort(tasks);
    return imap({ ...flags, submit, abort, limit: mostUnderWay(flags.maxOutstanding, this.parts) }, sequences);
  }

  protected sendParts<T>(orders: readonly PartCall[], assembly: Assembly<T>): AsyncResult<T> {
    if (!assembly.single) this.#expectConnection();
    return sendBalanced(this.sender, orders, assembly);
  }

  /** @throws ConnectionError as a direct view does, instead of a CompositeError of as many as there are parts. */
  #expectConnection(): void {
    const { ended } = this.sender.session.link;
    if (ended !== undefined) throw ended;
  }

  protected withHistory(sent: TaskHistory): LoadBalancedView<B, K> {
    return new LoadBalancedView({ ...this.sender, sent });
  }
}

printAs(LoadBalancedView, ({ targets }) => ({ targets: targets ?? "all" }));
