/**
 * What somebody put on a function or its prototype after it was made, static fields and what decorators replaced
 * included: it travels beside the text.
 */

type Values = Readonly<Record<string, unknown>>;
type Accessors = Readonly<Record<string, Accessor>>;

/** A getter and a setter, as far as there are any. */
export interface Accessor {
  readonly get?: unknown;
  readonly set?: unknown;
}

/** Values and accessors by key. Symbols of the language have keys like `@@iterator`. */
export interface AddedProperties {
  readonly values: Values | undefined;
  readonly accessors: Accessors | undefined;
}

/** The enumerable properties of `object`; those keyed by a symbol that somebody made do not travel. */
export function readProperties(object: object): AddedProperties {
  const values: Record<string, unknown> = {};
  const accessors: Record<string, Accessor> = {};
  for (const key of Reflect.ownKeys(object)) {
    const property = Object.getOwnPropertyDescriptor(object, key);
    const name = nameOfKey(key);
    if (!property?.enumerable || name === undefined) continue;
    const { get, set, value } = property;
    if (get || set) accessors[name] = { ...(get && { get }), ...(set && { set }) };
    else values[name] = value;
  }
  return { values: unlessEmpty(values), accessors: unlessEmpty(accessors) };
}

function unlessEmpty<T extends object>(record: T): T | undefined {
  return Object.keys(record).length > 0 ? record : undefined;
}

/** Puts properties on an object, as {@link readProperties} found them. */
export function addProperties(object: object, values: Values | undefined, accessors: Accessors | undefined): void {
  for (const [name, value] of Object.entries(values ?? {})) {
    Object.defineProperty(object, keyOfName(name), { value, writable: true, enumerable: true, configurable: true });
  }
  for (const [name, accessor] of Object.entries(accessors ?? {})) {
    Object.defineProperty(object, keyOfName(name), {
      ...(accessor as PropertyDescriptor),
      enumerable: true,
      configurable: true,
    });
  }
}

const KNOWN_SYMBOLS = new Map(
  Object.getOwnPropertyNames(Symbol).flatMap((name) => {
    const symbol: unknown = Reflect.get(Symbol, name);
    return typeof symbol === "symbol" ? [[symbol, `@@${name}`] as const] : [];
  }),
);

function nameOfKey(key: string | symbol): string | undefined {
  return typeof key === "string" ? key : KNOWN_SYMBOLS.get(key);
}

function keyOfName(name: string): string | symbol {
  return name.startsWith("@@") ? (Reflect.get(Symbol, name.slice(2)) ?? name) : name;
}
