import { Client } from "ndparallel";
const rc = await Client.connect({ clusterId: "shared" });
const all = rc.view();
console.log((await all.pull('step')).join());
rc.close();