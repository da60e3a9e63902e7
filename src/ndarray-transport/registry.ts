/**
 * The types that the user registered, by name, here or in a process that sent something. Every serializer of this
 * process asks them.
 */

import type { Memory, TypeHandler } from "./types.ts";

/** A value of a registered type, taken apart: `meta` is small and plain, `buffers` are its arrays. */
export interface TypeParts<Meta = unknown, Buffers extends readonly Memory[] = readonly Memory[]> {
  readonly meta: Meta;
  readonly buffers: Buffers;
}

/** How values of a user's type travel. */
export interface RegisteredType<
  Value = unknown,
  Meta = unknown,
  Buffers extends readonly Memory[] | [] = readonly Memory[],
> {
  /** Tells the type on both sides: use the same name in every process. */
  readonly name: string;
  /** Whether `value` is of this type. Not asked about plain objects, lists and built-in types. */
  test(value: unknown): boolean;
  /** Takes `value` apart. `meta` may be anything that can be sent; `buffers` are sent without a copy, at any size. */
  serialize(value: Value): TypeParts<Meta, Buffers>;
  /** Puts a value together. The buffers are of the same classes as those that `serialize` gave, and read-only. */
  deserialize(parts: TypeParts<Meta, Buffers>): Value;
}

interface Registry {
  readonly own: Map<string, RegisteredType>;
  /** Those that came from other processes, the newest first: each message brings its own functions and classes. */
  readonly foreign: Map<string, RegisteredType[]>;
  /** The type that put a value together. */
  readonly origins: WeakMap<object, RegisteredType>;
}

/** One for the process, also if this module is loaded twice: a user's program may bring its own copy. */
const REGISTRY = Symbol.for("ndparallel.types");
const shared = globalThis as { [REGISTRY]?: Registry };
shared[REGISTRY] ??= { own: new Map(), foreign: new Map(), origins: new WeakMap() };
const { own, foreign, origins } = shared[REGISTRY];

/** How many versions of a foreign type are asked about values of unknown origin. */
const MOST_VERSIONS = 8;

/**
 * Adds a type with out-of-band buffers.
 *
 * On a client, its functions travel to the engines with the calls, so that engines read and send values of the type,
 * too. On an engine (inside a task, by `await import("ndparallel")`) it adds a type that only engines have; a client that
 * is to get values of it registers the same name.
 *
 * @param type its `name`, and the functions `test`, `serialize` and `deserialize`
 * @throws TypeError when a member is missing or of the wrong type, or when the name is taken
 *
 * @example
 * ```ts
 * registerType({
 *   name: "matrix",
 *   test: (value) => value instanceof Matrix,
 *   serialize: (matrix: Matrix) => ({ meta: { rows: matrix.rows }, buffers: [matrix.data] }),
 *   deserialize: ({ meta, buffers: [data] }) => new Matrix(meta.rows, data),
 * });
 * ```
 */
export function registerType<Value, Meta, Buffers extends readonly Memory[] | []>(
  type: RegisteredType<Value, Meta, Buffers>,
): void {
  if (typeof type !== "object" || type === null) {
    throw new TypeError("registerType(type): type must be an object with name, test, serialize and deserialize");
  }
  if (typeof type.name !== "string" || type.name === "") {
    throw new TypeError("registerType(type): type.name must be a string that is not empty");
  }
  for (const member of ["test", "serialize", "deserialize"] as const) {
    if (typeof type[member] !== "function") {
      throw new TypeError(`registerType(type): type.${member} of "${type.name}" must be a function`);
    }
  }
  const known = own.get(type.name);
  if (known !== undefined && !isSameText(known, type as unknown as RegisteredType)) {
    throw new TypeError(`registerType(type): type.name "${type.name}" is registered already; choose another name`);
  }
  own.set(type.name, type as unknown as RegisteredType);
}

/** Whether it is the same type once more, as when a cell of a notebook or a task runs again. */
function isSameText(one: RegisteredType, other: RegisteredType): boolean {
  return (["test", "serialize", "deserialize"] as const).every((name) => String(one[name]) === String(other[name]));
}

/** Whether there are any in this process. */
export function hasRegisteredTypes(): boolean {
  return own.size > 0;
}

/** The types registered in this process, in the order of registration. */
export function registeredTypes(): readonly RegisteredType[] {
  return [...own.values()];
}

/** The registered type of that name: that of the message in hand before this process's own. */
export function registeredType(name: string): RegisteredType | undefined {
  return foreign.get(name)?.[0] ?? own.get(name);
}

/** The type that put `value` together, or the first that says that `value` is one of its own. */
export function registeredTypeOf(value: object): RegisteredType | undefined {
  const origin = origins.get(value);
  if (origin !== undefined) return origin;
  for (const versions of foreign.values()) for (const type of versions) if (type.test(value)) return type;
  for (const type of own.values()) if (type.test(value)) return type;
  return undefined;
}

/** Remembers which type put `value` together. */
export function rememberType(value: unknown, type: RegisteredType): void {
  if (typeof value === "object" && value !== null) origins.set(value, type);
}

/** Types on their way to another process. */
export class TypeDefinitions {
  readonly types: readonly RegisteredType[];

  constructor(types: readonly RegisteredType[]) {
    this.types = types;
  }
}

/** How the types themselves travel: what is read registers them, before the values that need them are read. */
export const typeDefinitionsHandler: TypeHandler = {
  name: "types",
  test: (value) => value instanceof TypeDefinitions,
  encode: ({ types }: TypeDefinitions): RegisteredType[] =>
    types.map(({ name, test, serialize, deserialize }) => ({ name, test, serialize, deserialize })),
  decode: (types: readonly RegisteredType[]): TypeDefinitions => {
    for (const type of types) {
      const versions = foreign.get(type.name) ?? [];
      foreign.set(type.name, [type, ...versions.slice(0, MOST_VERSIONS - 1)]);
    }
    return new TypeDefinitions(types);
  },
};
