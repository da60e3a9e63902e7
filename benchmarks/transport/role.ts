/**
 * One of the processes beside the client: `broker`, which hands every message on; `engine`, which sends every message
 * back; `sink`, which answers every large message with a small one. Started with the role, the wire and, for the
 * engine, the broker's address; tells its own address to the process that started it, and ends with it.
 */

import { CLIENT, ENGINE, type Link, type Receive } from "./wire.ts";
import { loadWire, type WireName } from "./wires.ts";

const [role, wireName, brokerAddress = ""] = process.argv.slice(2);
process.once("disconnect", () => process.exit());
const wire = await loadWire(wireName as WireName);

if (role === "broker") tell(await wire.listen(broker()));
if (role === "sink") tell(await wire.listen(sink));
if (role === "engine") {
  const link: Link = await wire.connect(brokerAddress, (bytes) => link.send(bytes));
  link.send(Uint8Array.of(ENGINE));
  tell("");
}

function broker(): (link: Link) => Receive {
  const links: (Link | undefined)[] = [];
  return (link) => {
    let from: number | undefined;
    return (bytes) => {
      if (from === undefined) {
        from = bytes[0] as number;
        links[from] = link;
      } else {
        links[from === CLIENT ? ENGINE : CLIENT]?.send(bytes);
      }
    };
  };
}

function sink(link: Link): Receive {
  return (bytes) => {
    const answer = Buffer.alloc(16);
    answer.writeDoubleLE(bytes.byteLength, 0);
    answer[8] = bytes[0] as number;
    answer[9] = bytes[bytes.byteLength - 1] as number;
    link.send(answer);
  };
}

function tell(address: string): void {
  process.send?.({ address });
}
