import type { Transport } from '../../transport/port.js';

/** A broker with nothing in it, and one process that reaches it through the transport that is to be checked. */
export interface ContractWorld {
  readonly transport: Transport;
  /**
   * The process is gone, with all that it held, and another one is there: its transport. What they share is the broker, and
   * the consumer's database. May be called again.
   */
  restart(): Promise<Transport>;
  /** One more process beside those that are there: its transport. Each holds what it was given, as long as it runs. */
  another(): Promise<Transport>;
  close(): Promise<void>;
}

export interface ContractOptions {
  /** How long a check waits for what must come, in milliseconds. @default 10000 */
  patienceMs?: number;
  /** How long it looks for what must not come, in milliseconds. @default 300 */
  settleMs?: number;
  /** Of a delivery whose holder is gone; in milliseconds. @default 500 */
  leaseMs?: number;
}
