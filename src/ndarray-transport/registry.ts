/** The types that the user registered, by name. Every serializer of this process asks them. */

/** A value of a registered type, taken apart: `meta` is small and plain, `buffers` are its arrays. */
export interface TypeParts<Meta = unknown, Buffers extends readonly ArrayBufferView[] = readonly ArrayBufferView[]> {
  readonly meta: Meta;
  readonly buffers: Buffers;
}

/** How values of a user's type travel. */
export interface RegisteredType<
  Value = unknown,
  Meta = unknown,
  Buffers extends readonly ArrayBufferView[] | [] = readonly ArrayBufferView[],
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

const types = new Map<string, RegisteredType>();

/**
 * Adds a type with out-of-band buffers, for this process.
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
export function registerType<Value, Meta, Buffers extends readonly ArrayBufferView[] | []>(
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
  if (types.has(type.name)) {
    throw new TypeError(`registerType(type): type.name "${type.name}" is registered already; choose another name`);
  }
  types.set(type.name, type as unknown as RegisteredType);
}

/** The types registered in this process, in the order of registration. */
export function registeredTypes(): readonly RegisteredType[] {
  return [...types.values()];
}

/** The registered type of that name. */
export function registeredType(name: string): RegisteredType | undefined {
  return types.get(name);
}

/** The first registered type that says that `value` is one of its own. */
export function registeredTypeOf(value: object): RegisteredType | undefined {
  for (const type of types.values()) if (type.test(value)) return type;
  return undefined;
}
