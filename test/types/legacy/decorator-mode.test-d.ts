/** The files of this folder are compiled with legacy decorators (`experimentalDecorators`). */
import { type Equal, expectType } from "../equal.ts";

function legacy(_target: object, _key: string | symbol, _descriptor: PropertyDescriptor): void {}

function standard<This>(
  method: (this: This, x: number) => number,
  _context: ClassMethodDecoratorContext<This, (this: This, x: number) => number>,
): (this: This, x: number) => number {
  return method;
}

export class Decorated {
  @legacy
  static square(x: number): number {
    return x * x;
  }

  // @ts-expect-error a standard decorator does not fit a method in this mode
  @standard
  static cube(x: number): number {
    return x ** 3;
  }
}

expectType<Equal<typeof Decorated.square, (x: number) => number>>();
