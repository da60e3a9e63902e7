import { describe, expect, test } from "vitest";
import { SerializationError } from "../../src/errors.ts";
import { isReadonly } from "../../src/ndarray-transport/readonly.ts";
import { registeredTypes, registerType } from "../../src/ndarray-transport/registry.ts";
import { Serializer } from "../../src/ndarray-transport/serializer.ts";

class Matrix {
  constructor(
    readonly rows: number,
    readonly data: Float64Array,
    readonly mask: Uint8Array,
    readonly labels: Map<string, number> = new Map(),
  ) {}
}

const matrixType = {
  name: "test.matrix",
  test: (value: unknown) => value instanceof Matrix,
  serialize: ({ rows, labels, data, mask }: Matrix) => ({ meta: { rows, labels }, buffers: [data, mask] as const }),
  deserialize: ({
    meta,
    buffers: [data, mask],
  }: {
    meta: { rows: number; labels: Map<string, number> };
    buffers: readonly [Float64Array, Uint8Array];
  }) => new Matrix(meta.rows, data, mask, meta.labels),
};

const serializer = new Serializer();
registerType(matrixType);

describe("registered types", () => {
  test("travel at any depth, with their buffers out of band at any size", () => {
    const matrix = new Matrix(
      2,
      new Float64Array([1, 2, 3, 4]).subarray(1, 3),
      new Uint8Array(0),
      new Map([["a", -0]]),
    );
    const { head, buffers } = serializer.serialize({ list: [matrix], again: matrix });
    expect(buffers.map((buffer) => buffer.byteLength)).toEqual([16, 0]);
    expect(buffers[0]?.buffer).toBe(matrix.data.buffer);
    const received = serializer.deserialize(head, buffers) as { list: [Matrix]; again: Matrix };
    expect(received.again).toBeInstanceOf(Matrix);
    expect(received.again).toEqual(matrix);
    expect(received.list[0]).toBe(received.again);
    expect(received.again.data).toBeInstanceOf(Float64Array);
    expect(isReadonly(received.again.data)).toBe(true);
  });

  test("are put together from the received memory", () => {
    const { head, buffers } = serializer.serialize(new Matrix(1, new Float64Array(1000), new Uint8Array(3)));
    const received = serializer.deserialize(head, buffers, { readonly: false }) as Matrix;
    expect(received.data.buffer).toBe(buffers[0]?.buffer);
    expect(isReadonly(received.data)).toBe(false);
  });

  test("have buffers of every kind", () => {
    class Parts {
      constructor(readonly buffers: readonly (ArrayBufferView | ArrayBuffer)[]) {}
    }
    registerType({
      name: "test.parts",
      test: (value) => value instanceof Parts,
      serialize: ({ buffers }: Parts) => ({ meta: buffers.length, buffers }),
      deserialize: ({ buffers }) => new Parts(buffers as Parts["buffers"]),
    });
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const parts = new Parts([
      bytes.buffer,
      bytes,
      Buffer.from(bytes),
      new DataView(bytes.buffer, 1),
      new ArrayBuffer(0),
    ]);
    const { head, buffers } = serializer.serialize(parts);
    expect(serializer.deserialize(head, buffers)).toEqual(parts);
  });

  test("may take their types from the functions", () => {
    class Point {
      constructor(readonly at: Float32Array) {}
    }
    registerType({
      name: "test.point",
      test: (value) => value instanceof Point,
      serialize: (point: Point) => ({ meta: null, buffers: [point.at] }),
      deserialize: ({ buffers: [at] }) => new Point(at),
    });
    const { head, buffers } = serializer.serialize(new Point(new Float32Array([1, 2])));
    expect(serializer.deserialize(head, buffers)).toEqual(new Point(new Float32Array([1, 2])));
  });

  test("are listed in the order of registration", () => {
    const names = registeredTypes().map(({ name }) => name);
    expect(names[0]).toBe("test.matrix");
    (registeredTypes() as unknown[]).pop();
    expect(registeredTypes().map(({ name }) => name)).toEqual(names);
  });
});

describe("registerType refuses", () => {
  test.each([null, undefined, 1, "matrix"])("%s", (type) => {
    expect(() => registerType(type as never)).toThrow(TypeError);
    expect(() => registerType(type as never)).toThrow(/type must be an object/);
  });

  test.each(["test", "serialize", "deserialize"])("a type without %s, naming it", (member) => {
    const type = { ...matrixType, name: `test.without.${member}`, [member]: undefined };
    expect(() => registerType(type as never)).toThrow(TypeError);
    expect(() => registerType(type as never)).toThrow(new RegExp(`type\\.${member} of "test\\.without`));
    expect(registeredTypes().some(({ name }) => name === type.name)).toBe(false);
  });

  test.each([undefined, "", 1])("the name %s", (name) => {
    expect(() => registerType({ ...matrixType, name } as never)).toThrow(/type\.name must be a string/);
  });

  test("nothing when the same type comes again, as when a cell of a notebook is run again", () => {
    const before = registeredTypes().length;
    registerType({ ...matrixType });
    expect(registeredTypes().length).toBe(before);
  });

  test("a name that is taken", () => {
    const other = { ...matrixType, test: () => false };
    expect(() => registerType(other)).toThrow(TypeError);
    expect(() => registerType(other)).toThrow(/"test\.matrix" is registered already/);
  });
});

describe("errors", () => {
  class Faulty {
    constructor(readonly parts: unknown) {}
  }
  registerType({
    name: "test.faulty",
    test: (value) => value instanceof Faulty,
    serialize: ({ parts }: Faulty) => {
      if (parts === "throw") throw new RangeError("too large");
      return parts as { meta: unknown; buffers: Uint8Array[] };
    },
    deserialize: ({ meta }) => {
      throw new Error(`no ${String(meta)}`);
    },
  });

  test("serialize that throws is quoted under the path", () => {
    expect(() => serializer.serialize({ a: [new Faulty("throw")] })).toThrow(
      expect.objectContaining({
        name: "SerializationError",
        path: "value.a[0]",
        message: 'value.a[0] was refused by the registered type "test.faulty": too large',
        cause: expect.any(RangeError) as unknown,
      }),
    );
  });

  test.each([
    [undefined],
    [null],
    [{ meta: 1 }],
    [{ meta: 1, buffers: [1] }],
    [{ meta: 1, buffers: new Uint8Array(1) }],
  ])("serialize that returns %j", (parts) => {
    expect(() => serializer.serialize(new Faulty(parts))).toThrow(SerializationError);
    expect(() => serializer.serialize(new Faulty(parts))).toThrow(/"test\.faulty" must return \{ meta, buffers \}/);
  });

  test("meta that cannot be sent has a path", () => {
    expect(() => serializer.serialize([new Faulty({ meta: { f: Symbol("s") }, buffers: [] })])).toThrow(
      /^value\[0\]\.meta\.f is a symbol/,
    );
  });

  test("meta that leads back to the value is refused", () => {
    const parts: { meta: unknown; buffers: [] } = { meta: undefined, buffers: [] };
    parts.meta = new Faulty(parts);
    const circular = new Faulty({ meta: [] as unknown[], buffers: [] });
    (circular.parts as { meta: unknown[] }).meta.push(circular);
    expect(() => serializer.serialize(circular)).toThrow(/^value\.meta\[0\] leads back/);
  });

  test("deserialize that throws", () => {
    const { head, buffers } = serializer.serialize(new Faulty({ meta: "luck", buffers: [] }));
    expect(() => serializer.deserialize(head, buffers)).toThrow(
      expect.objectContaining({ name: "SerializationError", message: expect.stringContaining("no luck") as unknown }),
    );
  });

  test("a type that is not registered where it arrives", () => {
    const { head, buffers } = serializer.serialize(new Matrix(1, new Float64Array(1), new Uint8Array(1)));
    const renamed = Buffer.from(head);
    renamed.write("test.MATRIX", renamed.indexOf("test.matrix"));
    expect(() => serializer.deserialize(renamed, buffers)).toThrow(SerializationError);
    expect(() => serializer.deserialize(renamed, buffers)).toThrow(/"test\.MATRIX".* registerType/);
  });
});
