/** The view that addresses engines: calls, namespaces, scatter and gather. */

import { readFileSync } from "node:fs";
import { shown } from "../errors.ts";
import { type JoinOptions, joinReceived } from "../parallel-map/join.ts";
import { partition } from "../parallel-map/partition.ts";
import { toSequence } from "../parallel-map/sequences.ts";
import { type Assembly, bareValue, valueList } from "./assembly.ts";
import type { AsyncResult } from "./async-result.ts";
import { decoratorFactories } from "./decorator-factory.ts";
import type { ParallelDecorator, RemoteDecorator } from "./decorator-types.ts";
import { type Order, sendCall, singleDirectCalls } from "./direct-call.ts";
import { directImap } from "./direct-imap.ts";
import { checkExecute, checkGather, checkScatter, type ExecuteOptions, type ScatterOptions } from "./direct-options.ts";
import {
  type DirectFlags,
  mergeFlags,
  type ResolvedFlags,
  type WithBlock,
  type WithKeep,
  type WithTargets,
} from "./flags.ts";
import { flattened } from "./flatten.ts";
import { importNames } from "./import-names.ts";
import { type PartitionPlan, planMap } from "./map-call.ts";
import type { SequenceInput } from "./map-types.ts";
import { checkName, checkNames, checkRecord } from "./parameters.ts";
import { printAs } from "./printed.ts";
import type { Kept, Returned, Shaped } from "./result-types.ts";
import type { SingleCalls } from "./single-calls.ts";
import { resolveTargets, type Shape } from "./targets.ts";
import type { TaskHistory } from "./task-history.ts";
import { type PartCall, type Sender, View } from "./view.ts";

// biome-ignore lint/suspicious/noExplicitAny: what lies in a namespace has no type here; the caller knows it
type Named = any;

/**
 * Engines that are addressed by id. `S` tells whether calls give bare values (one engine) or arrays, `B` whether they
 * give promises (flag `block`) or AsyncResults, `K` whether their values stay on the engines (flag `keep`).
 */
export class DirectView<S extends Shape = Shape, B extends boolean = boolean, K extends boolean = false> extends View<
  S,
  B,
  K
> {
  static {
    printAs(DirectView, (view) => ({ targets: view.sender.flags.targets }));
  }

  declare protected readonly sender: Sender<ResolvedFlags>;
  /** Where there is a single target. */
  readonly #singleCalls: SingleCalls | undefined;

  /** Made by a client; not for programs to call. */
  constructor(sender: Sender<ResolvedFlags>) {
    super(sender);
    const { targets } = sender.flags;
    if (typeof targets === "number") this.#singleCalls = singleDirectCalls({ ...sender, targets: [targets] });
  }

  /** The engines that a call would go to now. */
  get targets(): number | readonly number[] {
    const { targets } = this.sender.flags;
    return typeof targets === "number" ? targets : this.#resolve();
  }

  /** How many engines that is. */
  get size(): number {
    const { targets } = this.sender.flags;
    if (targets === "all") return this.sender.session.engineIds.length;
    return typeof targets === "number" ? 1 : targets.length;
  }

  /** A view with other flags. @throws TypeError for an unknown flag. */
  with<const F extends DirectFlags>(flags: F): DirectView<WithTargets<F, S>, WithBlock<F, B>, WithKeep<F, K>> {
    const { sender } = this;
    return new DirectView({ ...sender, flags: mergeFlags(sender.flags, flags, sender.session) });
  }

  /** Runs source text in the namespaces; with `silent: false` the result is the value of the last expression. */
  execute(code: string, options: ExecuteOptions = {}): Returned<B, Kept<K, Shaped<S, Named>>> {
    return this.give(() => this.#execute(code, options, undefined));
  }

  /** Runs the text of a file of this machine in the namespaces. */
  run(file: string | URL, options: ExecuteOptions = {}): Returned<B, Kept<K, Shaped<S, Named>>> {
    return this.give(() => {
      if (typeof file !== "string" && !(file instanceof URL)) {
        throw new TypeError(`file must be a path or a URL; given: ${shown(file)}`);
      }
      return this.#execute(`${readFileSync(file, "utf8")}\n`, options, String(file));
    });
  }

  /** Puts values into the namespaces, by name; a dotted name reaches inside what is there. */
  push(record: Readonly<Record<string, unknown>>): Returned<B, void> {
    return this.give(() => this.#push(record));
  }

  /** Values of the namespaces: one for a name, a list for a list of names. */
  pull(names: string | readonly string[]): Returned<B, Kept<K, Shaped<S, Named>>> {
    return this.give(() => this.#pull(names));
  }

  /** {@link pull} that gives a promise. */
  async get(name: string): Promise<Kept<K, Shaped<S, Named>>> {
    return await this.#pull(name);
  }

  /** {@link push} of one name that gives a promise. */
  async set(name: string, value: unknown): Promise<void> {
    return await this.#push({ [checkName(name)]: value });
  }

  /** {@link push} that gives a promise. */
  async update(record: Readonly<Record<string, unknown>>): Promise<void> {
    return await this.#push(record);
  }

  /** Divides a sequence over the targets and puts each part under `name`. */
  scatter(name: string, sequence: SequenceInput, options: ScatterOptions = {}): Returned<B, void> {
    return this.give(() => {
      checkName(name);
      const { flatten = false, ...how } = checkScatter(options);
      const parts = partition(toSequence(sequence, "sequence"), this.parts, how);
      const values = flatten ? flattened(parts, how.axis) : parts;
      const each = values.map((value) => ({ operation: "push" as const, record: { [name]: value } }));
      return this.#send<void>({ each }, this.#nothing());
    });
  }

  /** Joins the parts that lie under `name`: the inverse of {@link scatter}. */
  gather(name: string, options: JoinOptions = {}): Returned<B, Kept<K, Named>> {
    return this.give(() =>
      this.#send<Named>(
        { operation: "pull", names: checkName(name) },
        { ...this.#shaped<Named>(), join: checkGather(options), assemble: (values) => joinReceived(values, options) },
      ),
    );
  }

  /**
   * Loads modules into the namespaces, under their own names or those of the record: `import("node:os")`,
   * `import(["lodash"])`, `import({ nd: "ndarray" })`. They resolve from the engines' working directory.
   */
  import(specifiers: string | readonly string[] | Readonly<Record<string, string>>): Returned<B, void> {
    return this.give(() =>
      this.#send<void>({ operation: "import", modules: importNames(specifiers) }, this.#nothing()),
    );
  }

  /** Empties the namespaces. */
  clear(): Returned<B, void> {
    return this.give(() => this.#send<void>({ operation: "clear" }, this.#nothing()));
  }

  /** A decorator: calls of the function go to this view. */
  remote<const F extends DirectFlags>(flags?: F): RemoteDecorator<WithTargets<F, S>, WithBlock<F, B>, WithKeep<F, K>> {
    return decoratorFactories.remote(this, flags);
  }

  /** A decorator: calls of the function are divided over this view's engines. */
  parallel<const F extends DirectFlags>(flags?: F): ParallelDecorator<WithBlock<F, B>, WithKeep<F, K>> {
    return decoratorFactories.parallel(this, flags);
  }

  protected get parts(): number {
    return this.#resolve().length;
  }

  protected override get isSingle(): boolean {
    return typeof this.sender.flags.targets === "number";
  }

  protected call(fn: unknown, args: readonly unknown[]): AsyncResult<unknown> {
    return this.#singleCalls?.send(fn, args) ?? this.#send({ operation: "apply", fn, args }, this.#shaped());
  }

  protected mapCall(fn: unknown, sequences: readonly unknown[]): AsyncResult<unknown> {
    const { each, assembly, engineIds } = planMap(fn, sequences, this.#resolve(), this.isSingle);
    return this.#send({ each }, assembly, engineIds);
  }

  protected imapCall(fn: unknown, sequences: readonly unknown[]): AsyncGenerator<unknown, void, undefined> {
    return directImap({ ...this.sender, targets: this.#resolve() }, fn, sequences);
  }

  protected override get partition(): PartitionPlan {
    return { engineIds: this.#resolve() };
  }

  protected sendParts<T>(
    orders: readonly PartCall[],
    assembly: Assembly<T>,
    engineIds?: readonly number[],
  ): AsyncResult<T> {
    return this.#send({ each: orders.map(({ call }) => call) }, assembly, engineIds);
  }

  protected withHistory(sent: TaskHistory): DirectView<S, B, K> {
    return new DirectView({ ...this.sender, sent });
  }

  protected override abortable(): string[] {
    const { session, sent } = this.sender;
    const here = new Set(this.size === 0 ? [] : this.#resolve());
    const tasks = [...session.tasks.outstanding.values()].filter(({ metadata }) =>
      here.has(metadata.engineId as number),
    );
    return [...new Set([...sent.outstanding, ...tasks.map(({ id }) => id)])];
  }

  #execute(
    code: string,
    options: ExecuteOptions,
    filename: string | undefined,
  ): AsyncResult<Kept<K, Shaped<S, Named>>> {
    if (typeof code !== "string") throw new TypeError(`code must be a string; given: ${shown(code)}`);
    const { silent = true } = checkExecute(options);
    return this.#send({ operation: "execute", code, silent, file: filename }, this.#shaped());
  }

  #push(record: Readonly<Record<string, unknown>>): AsyncResult<void> {
    return this.#send<void>({ operation: "push", record: checkRecord(record) }, this.#nothing());
  }

  #pull(names: string | readonly string[]): AsyncResult<Kept<K, Shaped<S, Named>>> {
    const checked = typeof names === "string" ? checkName(names) : checkNames(names);
    return this.#send({ operation: "pull", names: checked }, this.#shaped());
  }

  /** The values as they are: bare for a single target, a list for several. */
  #shaped<T>(): Assembly<T> {
    return (this.isSingle ? bareValue : valueList) as Assembly<unknown> as Assembly<T>;
  }

  /** For calls that give no value. */
  #nothing(): Assembly<void> {
    return { single: this.isSingle, takesRefs: true, assemble: () => undefined, items: () => [undefined] };
  }

  #resolve(): readonly number[] {
    return resolveTargets(this.sender.flags.targets, this.sender.session);
  }

  #send<T>(order: Order, assembly: Assembly<T>, targets: readonly number[] = this.#resolve()): AsyncResult<T> {
    return sendCall({ ...this.sender, targets }, order, assembly);
  }
}
