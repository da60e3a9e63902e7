/** The public names of ndparallel, and nothing else. */

export type { ReturnWhen } from "./client/arrivals.ts";
export { AsyncHubResult } from "./client/async-hub-result.ts";
export { AsyncResult, type GetOptions, type ItemOf, type PartOf, type WaitOutcome } from "./client/async-result.ts";
export type { BalancedFlags, RetryPolicy } from "./client/balanced-flags.ts";
export type { PerTarget } from "./client/call-description.ts";
export { Client } from "./client/client.ts";
export type { ConnectionInfo } from "./client/connection-file.ts";
export type { ControlAbortOptions, ControlOptions, ShutdownOptions } from "./client/control-client.ts";
export type {
  Joined,
  ParallelDecorator,
  ParallelFunction,
  RemoteDecorator,
  RemoteFunction,
} from "./client/decorator-types.ts";
export { Dependency, type DependencyInput, type DependencyJob, type DependencyOptions } from "./client/dependency.ts";
export type { ExecuteOptions, ScatterOptions } from "./client/direct-options.ts";
export { DirectView } from "./client/direct-view.ts";
export type { DisplayOptions, GroupBy } from "./client/display-outputs.ts";
export { engineClient, isOnEngine } from "./client/engine-client.ts";
export type { ClientEvents } from "./client/events.ts";
export { Executor, type ExecutorMapOptions, type Items } from "./client/executor.ts";
export type { ConnectOptions } from "./client/find-cluster.ts";
export type { DirectFlags } from "./client/flags.ts";
export type {
  EngineQueueStatus,
  PurgeOptions,
  QueueStatusByEngine,
  QueueStatusOptions,
  ResultStatus,
} from "./client/hub-client.ts";
export type { Job, TaskName } from "./client/jobs.ts";
export { LoadBalancedView } from "./client/load-balanced-view.ts";
export type {
  ElementOf,
  ElementsOf,
  ImapInput,
  MapResult,
  SequenceInput,
  StackedTensor,
  TensorLike,
} from "./client/map-types.ts";
export type { DisplayedOutput, Metadata } from "./client/metadata.ts";
export type { OutputStream, StreamOptions } from "./client/output-stream.ts";
export type { InteractiveOptions } from "./client/progress.ts";
export { type RefPlace, RemoteRef } from "./client/remote-ref.ts";
export type { Arguments, Kept, Returned, Shaped } from "./client/result-types.ts";
export type { Shape, ShapeOf, Targets } from "./client/targets.ts";
export type { AbortOptions, OutputChunk } from "./client/task.ts";
export type { ResultName } from "./client/task-client.ts";
export type { Operand, Operators, RecordExtras, RecordKey, TaskQuery, TaskRecord } from "./client/task-records.ts";
export { Timeline, type TimelineSpan } from "./client/timeline.ts";
export type { DateChoice, TimeStamp } from "./client/timing.ts";
export type { View } from "./client/view.ts";
export type { Wait } from "./client/waiting.ts";
export { Cluster, type ClusterJson } from "./cluster/cluster.ts";
export type { ClusterOptions, ControllerOptions, EngineOptions, LauncherName } from "./cluster/cluster-options.ts";
export type { DeviceRequest, DeviceRequests } from "./cluster/device-requests.ts";
export type { ClusterSummary } from "./cluster/discovery.ts";
export {
  CompositeError,
  ConnectionError,
  EngineError,
  type ErrorPlace,
  type FunctionRefusal,
  ImpossibleDependency,
  InvalidDependency,
  isParallelError,
  ParallelError,
  type ParallelErrorCode,
  ReadOnlyError,
  RemoteError,
  type RemoteFailure,
  SecurityError,
  SerializationError,
  type SourcePlace,
  TaskAborted,
  TaskTimeout,
  TimeoutError,
  UnmetDependency,
} from "./errors.ts";
export { type ClosureOptions, closure } from "./functions/closure.ts";
export { explain } from "./functions/explain.ts";
export type { ExplainedName, Explanation, TravelsAs } from "./functions/explanation.ts";
export { Reference, ref } from "./functions/references.ts";
export { type DisplayValueOptions, display, publish } from "./functions/running-task.ts";
export type { ModuleMode } from "./functions/stand-ins.ts";
export { type CopyOnWrite, copyOnWrite } from "./ndarray-transport/copy-on-write.ts";
export type { DType, TypedArray } from "./ndarray-transport/dtypes.ts";
export type { NdArray } from "./ndarray-transport/ndarrays.ts";
export { type Draft, produce } from "./ndarray-transport/produce.ts";
export { isReadonly, writable } from "./ndarray-transport/readonly.ts";
export { type RegisteredType, registerType, type TypeParts } from "./ndarray-transport/registry.ts";
export { type SharedArrays, shared, type TypedArrays } from "./ndarray-transport/shared.ts";
export type { WriteDetection } from "./ndarray-transport/write-guard/write-guard.ts";
export type { PartitionOptions } from "./parallel-map/partition.ts";
export type { Distribution } from "./parallel-map/plan.ts";
export type { DataWay } from "./protocol/data-messages.ts";
export type { DeviceInfo, DeviceKind, DeviceSpec } from "./protocol/devices.ts";
export type { ControllerStatus, EngineInfo } from "./protocol/messages.ts";
export type { DatabaseOptions, HeartbeatPolicy, RestartPolicy } from "./protocol/policies.ts";
export type { SchemeName } from "./protocol/schemes.ts";
export { asParallel, asRemote, parallel, remote } from "./remote/decorators.ts";
export { depend, requires } from "./remote/depend.ts";
export type { BalancedViewSource, ViewSource } from "./remote/view-source.ts";
