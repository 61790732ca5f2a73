import type { BrokerService } from '../broker/index.js';
import type { LibraryConnections } from '../storage/index.js';
import type { BrokerStatus, ProcessStatus } from './status.js';

export interface OperationsDeps {
  /** Of the database that has the outbox and the dedup log. */
  connections: LibraryConnections;
  /** For messages. */
  name: string;
  broker: Omit<BrokerStatus, 'reachable'> & {
    /** Of the database that has the broker's tables; undefined where it is a service. */
    connections: LibraryConnections | undefined;
    operated: BrokerService;
  };
  /** Undefined in a process that only looks. */
  process: (() => ProcessStatus) | undefined;
}
