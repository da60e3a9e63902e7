/** Helper of the type tests: `expectType<Equal<Actual, Expected>>()` compiles only if the two types are the same. */

/** `true` where `A` and `B` are the same type, `any` and `readonly` told apart; else `false`. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** States at compile time that a type is `true`. */
export function expectType<_Is extends true>(): void {}
