import { BrokerService } from '../broker/index.js';
import { LANDING_ROWS, statementLimits } from '../broker-settings.js';
import { IdempotentMqEvents } from '../events/index.js';
import type { ResolvedOptions } from '../idempotent-mq.options.js';
import type { LibraryConnections } from '../storage/index.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** The smallest max_allowed_packet that a server has by default (MariaDB). One message at a time is landed here. */
const PACKET_BYTES = 16 * 1024 * 1024;

/** The broker for one command: it does nothing by itself. Closed, it has deleted what the command made superfluous. */
export function brokerOn(
  connections: LibraryConnections,
  options: ResolvedOptions,
  events = new IdempotentMqEvents(),
): BrokerService {
  return new BrokerService(connections, events, {
    ...options,
    landing: statementLimits(LANDING_ROWS, PACKET_BYTES),
    sweepIntervalMs: DAY_MS,
    dropDelayMs: DAY_MS,
    onSweepError: () => undefined,
  });
}
