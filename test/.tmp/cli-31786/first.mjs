import { Client } from "ndparallel";
const rc = await Client.connect({ clusterId: "shared" });
const all = rc.view();
await all.push({ step: 5 });
rc.close();