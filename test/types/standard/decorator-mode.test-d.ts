/** The files of this folder are compiled with standard (stage 3) decorators. */
import { type Equal, expectType } from "../equal.ts";

function standard<This>(
  method: (this: This, x: number) => number,
  _context: ClassMethodDecoratorContext<This, (this: This, x: number) => number>,
): (this: This, x: number) => number {
  return method;
}

function legacy(_target: object, _key: string | symbol, _descriptor: PropertyDescriptor): void {}

export class Decorated {
  @standard
  static square(x: number): number {
    return x * x;
  }

  // @ts-expect-error a legacy decorator does not fit a method in this mode
  @legacy
  static cube(x: number): number {
    return x ** 3;
  }
}

expectType<Equal<typeof Decorated.square, (x: number) => number>>();
// @ts-expect-error the types differ
expectType<Equal<typeof Decorated.square, (x: number) => unknown>>();
