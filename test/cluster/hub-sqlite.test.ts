/** The tests of the hub, with the task database in SQLite. */

import { DATABASE } from "./shared-cluster.ts";

process.env[DATABASE] = "sqlite";
await import("./hub.test.ts");
