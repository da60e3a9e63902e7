/** Every verb of a direct view in thirty lines. */

import { Cluster, closure, ref } from "ndparallel";

await using cluster = await Cluster.start({ engines: 3 });
await using rc = await cluster.connect();
const all = rc.view();

console.log("ids     ", rc.ids);
console.log("apply   ", await all.apply((x: number) => x * x, 7));
console.log("one     ", await rc.at(-1).apply(() => process.pid > 0));
console.log("map     ", await all.map((x) => Math.sqrt(x), new Float64Array([1, 4, 9, 16])));
console.log("reduce  ", await all.reduce((a, b) => a + b, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
await all.push({ a: 5, config: { rate: 0.1 } });
await all.set("config.rate", 0.2);
console.log("pull    ", await all.pull(["a", "config.rate"]));
console.log("get     ", await rc.at(0).get("config"));
await all.scatter("part", new Int32Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), { dist: "roundRobin" });
console.log("parts   ", await all.pull("part"));
console.log("gather  ", await all.gather("part", { dist: "roundRobin" }));
await all.execute("const double = (x) => 2 * x; let total = part.reduce((s, v) => s + v, 0)");
console.log("execute ", await all.execute("total + a", { silent: false }));
console.log("ref     ", await all.apply(ref("double"), ref("total")));
await all.import("node:os");
console.log(
  "closure ",
  await rc.slice(0, 2).apply(
    closure((x: number) => x * factor, { factor: 10 }),
    4,
  ),
);
const ar = all.applyAsync((seconds: number) => new Promise((done) => setTimeout(done, 1000 * seconds, "woke up")), 0.1);
console.log("async   ", ar.ready, await ar, ar.ready, "wall", Math.round(ar.wallTime / 100) * 100, "ms");
await all.clear();

declare const factor: number;
