// A CommonJS module: `require` and what it gave are variables around the functions.
const ndarray = require("ndarray");
const { basename } = require("node:path");
const local = require("./common-library.cjs");

const factor = 10;

module.exports = {
  scale: (x) => factor * x,
  base: (file) => basename(file),
  third: () => ndarray([1, 2, 3], [3]).get(2),
  inside: () => require("node:path").basename("/a/b"),
  usesLocal: (x) => local.multiply(x),
  sloppy: function () {
    return typeof this;
  },
};
