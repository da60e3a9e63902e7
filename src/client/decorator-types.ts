/** The types of decorated functions and of the decorators, shared by views and the decorators themselves. */

import type { MapResult, SequenceInput } from "./map-types.ts";
import type { Arguments, Kept, Returned, Shaped } from "./result-types.ts";
import type { Shape } from "./targets.ts";

/** A function whose calls run on engines. */
export interface RemoteFunction<
  A extends unknown[],
  R,
  S extends Shape = Shape,
  B extends boolean = false,
  K extends boolean = false,
> {
  (...args: Arguments<A>): Returned<B, Kept<K, Shaped<S, Awaited<R>>>>;
  /** Calls the function once for each element, divided over the engines. */
  map<Q extends [SequenceInput, ...SequenceInput[]]>(
    ...sequences: Q
  ): Returned<B, Kept<K, MapResult<Q[0], Awaited<R>>>>;
  /** The function as it was written: calling it runs it here. */
  readonly local: (...args: A) => R;
}

/** What the chunks' results become: joined if they can be, else a list of them. */
export type Joined<R> = R extends string ? R[] : R extends SequenceInput ? R : R[];

/** A function whose sequences are divided over engines, and its results joined. */
export interface ParallelFunction<A extends unknown[], R, B extends boolean = false, K extends boolean = false> {
  (...args: Arguments<A>): Returned<B, Kept<K, Joined<Awaited<R>>>>;
  /** Calls the function once for each element, divided over the engines. */
  map<Q extends [SequenceInput, ...SequenceInput[]]>(
    ...sequences: Q
  ): Returned<B, Kept<K, MapResult<Q[0], Awaited<R>>>>;
  /** The function as it was written: calling it runs it here. */
  readonly local: (...args: A) => R;
}

/** A method's type stays as declared, so it must return a promise already. */
type Method<This, A extends unknown[], R> = (this: This, ...args: A) => Promise<R>;

interface MethodDecorators {
  <This, A extends unknown[], R>(
    value: Method<This, A, R>,
    context: ClassMethodDecoratorContext<This, Method<This, A, R>>,
  ): Method<This, A, R>;
  <This, A extends unknown[], R>(
    value: undefined,
    context: ClassFieldDecoratorContext<This, (...args: A) => Promise<R>>,
  ): (this: This, initial: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;
  <This, A extends unknown[], R>(
    value: ClassAccessorDecoratorTarget<This, (...args: A) => Promise<R>>,
    context: ClassAccessorDecoratorContext<This, (...args: A) => Promise<R>>,
  ): ClassAccessorDecoratorResult<This, (...args: A) => Promise<R>>;
  <A extends unknown[], R>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: A) => Promise<R>>,
  ): TypedPropertyDescriptor<(...args: A) => Promise<R>>;
}

// Intersections, not interfaces that extend: TypeScript tries overloads in the order of the parts here, but those of a
// derived interface before the inherited ones, and a method fits the higher-order function too.

/** Serves as a higher-order function and as a decorator of methods, fields and accessors, standard and legacy. */
export type RemoteDecorator<S extends Shape, B extends boolean, K extends boolean = false> = MethodDecorators &
  HigherOrderRemote<S, B, K>;

/** The same for parallel functions. */
export type ParallelDecorator<B extends boolean, K extends boolean = false> = MethodDecorators &
  HigherOrderParallel<B, K>;

type HigherOrderRemote<S extends Shape, B extends boolean, K extends boolean> = <A extends unknown[], R>(
  fn: (...args: A) => R,
) => RemoteFunction<A, R, S, B, K>;

type HigherOrderParallel<B extends boolean, K extends boolean> = <A extends unknown[], R>(
  fn: (...args: A) => R,
) => ParallelFunction<A, R, B, K>;
