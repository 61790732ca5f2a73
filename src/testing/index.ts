/** What users import in their tests, as `nestjs-idempotent-mq/testing`. Nothing of it is reachable from what apps run. */
export { MqTestHarness, type MqTestHarnessOptions } from './harness/mq-test-harness.js';
export type { DeliverySelector } from './harness/handed-out.js';
export type { PublishedExpectation, PublishedMessage } from './harness/published.js';
export { crashMatrix, type CrashMatrixReport } from './matrix/crash-matrix.js';
export type { CrashMatrixOptions } from './matrix/matrix-options.js';
export { type BrokenPoint, CrashMatrixError } from './matrix/crash-matrix.error.js';
export type { MatrixRun } from './matrix/matrix-run.js';
export { transportContract, type ContractCheck } from './contract/transport-contract.js';
export type { ContractOptions, ContractWorld } from './contract/contract-world.js';
