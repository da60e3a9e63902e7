import { expect, it } from "vitest";
import { BoundedCache } from "../../src/functions/bounded-cache.ts";

it("forgets what has not been used for longest", () => {
  const cache = new BoundedCache<number>(2);
  cache.set("a", 1);
  cache.set("b", 2);
  cache.get("a");
  cache.set("c", 3);
  expect(["a", "b", "c"].map((key) => cache.get(key))).toEqual([1, undefined, 3]);
  cache.set("a", 4);
  expect(["a", "c"].map((key) => cache.get(key))).toEqual([4, 3]);
});
