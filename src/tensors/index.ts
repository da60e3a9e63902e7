/** The public names of `ndparallel/tensors`: devices, and how tensors of further libraries are made known. */

export { registerTensors, type TaskScope, type TensorAdapter, type TensorDType, type TensorSpec } from "./adapter.ts";
export {
  type AssignedDevice,
  assignedDevice,
  type DeviceInfo,
  type DeviceKind,
  type DeviceSpec,
  device,
} from "./device.ts";
export { DeviceError, type GpuDevice, gpuDevice } from "./gpu.ts";
export { GpuTensor } from "./gpu-tensor.ts";
export { LibraryError } from "./import-library.ts";
