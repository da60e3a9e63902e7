/** Makes tensors known to the layers below, and the libraries that need no registration known here. Loads none. */

import { setForeignArrays } from "../parallel-map/foreign.ts";
import { registerTensors } from "./adapter.ts";
import { foreignTensors } from "./foreign-tensors.ts";
import { gpuTensorAdapter } from "./gpu-tensor.ts";
import { tfjsAdapter } from "./tfjs.ts";

let isInstalled = false;

/** Does so once for the process. */
export function installTensors(): void {
  if (isInstalled) return;
  isInstalled = true;
  setForeignArrays(foreignTensors);
  registerTensors(tfjsAdapter);
  registerTensors(gpuTensorAdapter);
}
