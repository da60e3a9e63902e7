// Runs the cases with plain Node: this process is the client, the engine works in the directory given as an argument.
// Prints a list of { name, got, expected } as JSON, bigints as text.
import { inspect } from "node:util";
import { Cluster } from "ndparallel";
import { cases as classes } from "./classes.mjs";
import { cases as modules } from "./modules.mjs";
import { cases as namespace } from "./namespace.mjs";
import { cases as values } from "./values.mjs";

const here = process.cwd();
process.chdir(process.argv[2]);
const cluster = await Cluster.start({ engines: 1 });
process.chdir(here);
const client = await cluster.connect();
const one = client.at(0);
const show = (value) => inspect(value, { depth: null, breakLength: Number.POSITIVE_INFINITY });

const found = [];
for (const { name, run, expected } of [...values, ...classes, ...modules, ...namespace]) {
  let got;
  try {
    got = show(await run(one));
  } catch (error) {
    got = `${error.name}: ${error.message}`;
  }
  found.push({ name, got, expected: show(expected) });
}
client.close();
await cluster.stop();
process.stdout.write(JSON.stringify(found));
