// Captured classes and their instances.
import { Animal } from "./library.mjs";

class Shape {
  static made = 2;
  static kinds = new Map([["square", 4]]);
  static create(side) {
    return new Square(side);
  }
  describe() {
    return `area ${this.area()}`;
  }
}
class Square extends Shape {
  constructor(side) {
    super();
    this.side = side;
  }
  area() {
    return this.side ** 2;
  }
  describe() {
    return `square of ${super.describe()}`;
  }
}
class Account {
  #balance = 10;
  static #opened = 1;
  get balance() {
    return this.#balance;
  }
  deposit(x) {
    this.#balance += x;
    return this.balance;
  }
  static open() {
    return ++Account.#opened;
  }
}
class Dog extends Animal {
  speak() {
    return `${super.speak()}: woof`;
  }
}
class Failure extends RangeError {
  extra = 7;
}
class Node {
  constructor(value, next) {
    this.value = value;
    this.next = next;
  }
  get total() {
    return this.value + (this.next?.total ?? 0);
  }
}
const list = new Node(1, new Node(2));
const square = new Square(3);
const named = "greet";
class Keyed {
  [named]() {
    return `hello ${named}`;
  }
}
const Mixed = ((Base) =>
  class extends Base {
    hi() {
      return `mixed ${super.hi()}`;
    }
  })(
  class {
    hi() {
      return "base";
    }
  },
);

export const cases = [
  { name: "a class", run: (one) => one.apply((side) => new Square(side).area(), 3), expected: 9 },
  {
    name: "inheritance and super",
    run: (one) => one.apply(() => new Square(2).describe()),
    expected: "square of area 4",
  },
  {
    name: "a base class that names a derived one",
    run: (one) => one.apply(() => Shape.create(4).area()),
    expected: 16,
  },
  {
    name: "static fields",
    run: (one) => one.apply(() => [Shape.made, Square.made, Shape.kinds.get("square")]),
    expected: [2, 2, 4],
  },
  {
    name: "a static method by itself",
    run: (one) =>
      one.apply(Shape.create, 5).then(
        (made) => made,
        (e) => e.remoteName,
      ),
    expected: "SerializationError",
  },
  { name: "private members", run: (one) => one.apply(() => new Account().deposit(5)), expected: 15 },
  { name: "private static members", run: (one) => one.apply(() => Account.open()), expected: 2 },
  {
    name: "a class that extends an imported one",
    run: (one) => one.apply(() => new Dog("Rex").speak()),
    expected: "Rex makes a sound: woof",
  },
  {
    name: "a class that extends a builtin one",
    run: (one) => one.apply(() => [new Failure("m") instanceof RangeError, new Failure("m").extra]),
    expected: [true, 7],
  },
  { name: "an instance", run: (one) => one.apply(() => [square.area(), square instanceof Shape]), expected: [9, true] },
  { name: "instances in one another", run: (one) => one.apply(() => list.total), expected: 3 },
  {
    name: "an instance as an argument, of a captured class",
    run: (one) => one.apply((s) => s instanceof Square && s.area(), square),
    expected: 9,
  },
  { name: "computed keys", run: (one) => one.apply(() => new Keyed().greet()), expected: "hello greet" },
  { name: "a mixin", run: (one) => one.apply(() => new Mixed().hi()), expected: "mixed base" },
];
