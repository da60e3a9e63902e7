/** The schemes by which an engine is chosen for a load-balanced task, by name: see `controller/scheduling/schemes.ts`. */

export type SchemeName = "leastload" | "lru" | "plainrandom" | "weighted" | "twobin";

export const schemeNames: readonly SchemeName[] = ["leastload", "lru", "plainrandom", "weighted", "twobin"];
