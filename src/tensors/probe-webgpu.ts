/** A program: prints what WebGPU's adapter is, as JSON; fails when there is none but a software one. */

import { gpuDevice, gpuDeviceInfo } from "./gpu.ts";

await gpuDevice();
process.stdout.write(JSON.stringify(gpuDeviceInfo()));
process.exit(0);
