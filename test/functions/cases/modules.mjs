// Imports: of packages and of Node by name, of local modules by value.
import { createRequire } from "node:module";
import os, { EOL } from "node:os";
import * as path from "node:path";
import ndarray from "ndarray";
import { writable } from "ndparallel";
import twice, * as library from "./library.mjs";
import { count, join, settings, sextuple, triple as threefold } from "./library.mjs";

const common = createRequire(import.meta.url)("./common.cjs");
const packing = await import("msgpackr");
const { pack } = packing;
const read = packing.unpack;
let changed = pack;
changed = (array) => array.length;

export const cases = [
  { name: "a named import of Node", run: (one) => one.apply(() => EOL.length), expected: 1 },
  {
    name: "the default import of a module of Node",
    run: (one) => one.apply(() => typeof os.cpus()),
    expected: "object",
  },
  { name: "a namespace of Node", run: (one) => one.apply(() => path.posix.join("a", "b")), expected: "a/b" },
  { name: "a package", run: (one) => one.apply(() => ndarray([1, 2, 3], [3]).get(2)), expected: 3 },
  {
    name: "this package, from a file of its own",
    run: (one) => one.apply((array) => writable(array).fill(5)[1], new Uint8Array(2)),
    expected: 5,
  },
  { name: "a named import of a local module", run: (one) => one.apply(() => threefold(2)), expected: 6 },
  { name: "what that captured in turn", run: (one) => one.apply(() => sextuple(2)), expected: 12 },
  { name: "what that imported in turn", run: (one) => one.apply(() => join("a", "b")), expected: "a/b" },
  { name: "the default import of a local module", run: (one) => one.apply(() => twice(4)), expected: 8 },
  {
    name: "a namespace of a local module",
    run: (one) => one.apply(() => library.triple(3) + library.settings.rate),
    expected: 9.5,
  },
  { name: "a namespace as a whole", run: (one) => one.apply(() => Object.keys(library).length), expected: 7 },
  { name: "data of a local module", run: (one) => one.apply(() => settings.table[2]), expected: 3 },
  {
    name: "state of a local module, which is copied",
    run: async (one) => [await one.apply(() => count()), await one.apply(() => count())],
    expected: [1, 1],
  },
  {
    name: "import() inside of the function",
    run: (one) => one.apply(async () => (await import("ndarray")).default([5], [1]).get(0)),
    expected: 5,
  },
  {
    name: "what was taken out of a package that was loaded before",
    run: (one) => one.apply((list) => read(pack(list)), [1, 2]),
    expected: [1, 2],
  },
  {
    name: "a variable that held such a thing",
    run: (one) => one.apply((array) => changed(array), new Uint8Array(2)),
    expected: 2,
  },
  { name: "CommonJS: a function", run: (one) => one.apply(common.scale, 2), expected: 20 },
  { name: "CommonJS: require of Node", run: (one) => one.apply(common.base, "/a/b"), expected: "b" },
  { name: "CommonJS: require of a package", run: (one) => one.apply(common.third), expected: 3 },
  { name: "CommonJS: require inside of the function", run: (one) => one.apply(common.inside), expected: "b" },
  { name: "CommonJS: a local module", run: (one) => one.apply(common.usesLocal, 3), expected: 33 },
  { name: "CommonJS: sloppy code", run: (one) => one.apply(common.sloppy), expected: "object" },
];
