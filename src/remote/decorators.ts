/** The decorators: `remote` and `parallel`, and `asRemote`, which recovers the full type of what they made. */

import type { BalancedFlags } from "../client/balanced-flags.ts";
import { decoratorFactories } from "../client/decorator-factory.ts";
import type {
  ParallelDecorator,
  ParallelFunction,
  RemoteDecorator,
  RemoteFunction,
} from "../client/decorator-types.ts";
import type { DirectView } from "../client/direct-view.ts";
import type { DirectFlags, WithBlock, WithKeep, WithTargets } from "../client/flags.ts";
import type { LoadBalancedView } from "../client/load-balanced-view.ts";
import type { Shape } from "../client/targets.ts";
import { travelsAs } from "../functions/stand-ins.ts";
import { decorateNothing, decorator } from "./decorate.ts";
import { type BalancedViewSource, type ViewSource, viewGetter } from "./view-source.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/** What every wrapper that a decorator made carries. */
interface Wrapper {
  readonly map: AnyFunction;
  readonly local: AnyFunction;
}

const wrappers = new WeakSet<object>();

/**
 * Makes a function run on the engines of a view: each call gives what `view.apply` gives.
 *
 * @param view a view, a function that returns one (asked at each call), or nothing: the view made current by `activate()`
 * @param flags flags over those of the view
 * @returns a higher-order function that is also a decorator, standard and legacy, of methods, fields and accessors
 * @throws TypeError when `view` is none of these, or what is decorated is no function
 * @example
 * ```ts no-run
 * const norm = remote(rc.view())((x: Float64Array) => Math.hypot(...x));
 * const perEngine = await norm(new Float64Array([3, 4])); // number[]
 * ```
 */
export function remote<
  B extends boolean = false,
  const F extends BalancedFlags = Record<never, never>,
  K extends boolean = false,
>(view: BalancedViewSource<B, K>, flags?: F): RemoteDecorator<"one", WithBlock<F, B>, WithKeep<F, K>>;
export function remote<
  S extends Shape = "many",
  B extends boolean = false,
  const F extends DirectFlags = Record<never, never>,
  K extends boolean = false,
>(view?: ViewSource<S, B, K>, flags?: F): RemoteDecorator<WithTargets<F, S>, WithBlock<F, B>, WithKeep<F, K>>;
export function remote(view?: unknown, flags?: DirectFlags | BalancedFlags): unknown {
  const getView = viewGetter("remote", view, flags);
  return decorator("remote", (fn) =>
    wrap(
      fn,
      (args) => (getView() as DirectView).apply(fn, ...args),
      (sequences) => (getView() as DirectView).map(fn as never, ...(sequences as [never[]])),
    ),
  );
}

/**
 * Makes a function run on parts: the sequences among the arguments are divided over the engines, each engine calls the
 * function once with its part, and the results are joined. Other arguments go to every engine whole. On a load-balanced
 * view the parts are chunks, of `chunkSize` elements if that is a number, which go to whichever engines are free.
 *
 * @param view as for {@link remote}
 * @param flags flags over those of the view
 * @throws TypeError as for {@link remote}
 * @example
 * ```ts no-run
 * const relu = parallel(rc.view())((x: Float32Array) => x.map((v) => Math.max(v, 0)));
 * const y = await relu(big); // Float32Array
 * ```
 */
export function parallel<
  B extends boolean = false,
  const F extends BalancedFlags = Record<never, never>,
  K extends boolean = false,
>(view: BalancedViewSource<B, K>, flags?: F): ParallelDecorator<WithBlock<F, B>, WithKeep<F, K>>;
export function parallel<
  B extends boolean = false,
  const F extends DirectFlags = Record<never, never>,
  K extends boolean = false,
>(view?: ViewSource<Shape, B, K>, flags?: F): ParallelDecorator<WithBlock<F, B>, WithKeep<F, K>>;
export function parallel(view?: unknown, flags?: DirectFlags | BalancedFlags): unknown {
  const getView = viewGetter("parallel", view, flags);
  return decorator("parallel", (fn) =>
    wrap(
      fn,
      (args) => getView().applyParts(fn, args),
      (sequences) => (getView() as DirectView).map(fn as never, ...(sequences as [never[]])),
    ),
  );
}

/**
 * A decorated method with the type that it really has: a decorator cannot change the declared one.
 *
 * @param fn a method, field or function that `remote` or `parallel` made
 * @param _view the view it was made for, when its shape matters to the compiler
 * @throws TypeError when neither of them made it
 */
export function asRemote<
  A extends unknown[],
  R,
  S extends Shape = Shape,
  B extends boolean = false,
  K extends boolean = false,
>(
  fn: (...args: A) => Promise<R>,
  _view?: DirectView<S, B, K> | (S extends "one" ? LoadBalancedView<B, K> : never),
): RemoteFunction<A, R, S, B, K> {
  if (wrappers.has(fn)) return fn as unknown as RemoteFunction<A, R, S, B, K>;
  throw new TypeError("asRemote takes a function that remote or parallel made");
}

/** The same for a parallel function. */
export function asParallel<A extends unknown[], R>(fn: (...args: A) => Promise<R>): ParallelFunction<A, R> {
  return asRemote(fn) as unknown as ParallelFunction<A, R>;
}

/** A function that calls elsewhere, with the name and length of `fn`; where it is sent itself, it travels as `fn`. */
function wrap(
  fn: AnyFunction,
  call: (args: unknown[]) => unknown,
  map: (sequences: unknown[]) => unknown,
): AnyFunction & Wrapper {
  const wrapper = (...args: unknown[]): unknown => call(args);
  Object.defineProperties(wrapper, {
    name: { value: fn.name, configurable: true },
    length: { value: fn.length, configurable: true },
    map: { value: (...sequences: unknown[]) => map(sequences) },
    local: { value: fn },
    toString: { value: () => Function.prototype.toString.call(fn) },
  });
  wrappers.add(wrapper);
  travelsAs(wrapper, fn);
  return wrapper as AnyFunction & Wrapper;
}

/** A decorator factory on an engine. */
function makeNoDecorator(): typeof decorateNothing {
  return decorateNothing;
}

function itself(fn: AnyFunction): AnyFunction {
  return fn;
}

travelsAs(remote, makeNoDecorator);
travelsAs(parallel, makeNoDecorator);
travelsAs(asRemote, itself);
travelsAs(asParallel, itself);
decoratorFactories.remote = remote;
decoratorFactories.parallel = parallel;
