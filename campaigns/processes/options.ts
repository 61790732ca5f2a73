import type { IdempotentMqOptions } from '../../src/index.js';
import { openRaw } from '../databases/raw.js';
import { variantNamed } from '../variants/index.js';
import { FORGETTING_RELAY, retentionFor } from './retention.js';
import type { Task } from './task.js';

/**
 * How long a process may stand still before what it holds belongs to others, in milliseconds. In campaign `order` nobody
 * may: many more processes share the machine there, and a lease that is lost for that is a handler beside its successor.
 */
export const LEASE_MS = {
  kill: 1_500,
  commit: 1_500,
  order: 4_000,
  instances: 3_000,
  server: 1_500,
  pause: 1_500,
  failover: 1_500,
  duplicates: 1_500,
  wire: 3_000,
  hostile: 1_000,
  forgetting: 1_500,
  all: 1_500,
};

/** How long clients in campaign `wire` wait for an answer of the broker service, in milliseconds: two of these fit into a lease. */
export const PATIENCE_MS = 1_000;

/** Longer than a neighbour blocks, which would else cost others an attempt; and short, as some never return. Milliseconds. */
const HOSTILE_TIMEOUT_MS = 3_000;

/**
 * Short leases and waits, so that a fault costs seconds. Nothing is given up where a dead letter would be a loss: in
 * campaign `order`, where an operator brings them back, its handlers say how often they are tried.
 */
export function optionsFor(task: Task): IdempotentMqOptions {
  const { role, business, broker, url, campaign, perTransaction } = task;
  const timeoutMs = campaign === 'wire' ? PATIENCE_MS : undefined;
  const through = variantNamed(task.variant)?.through?.({
    onSqlite: business.type === 'better-sqlite3',
    business: () => openRaw(business),
    broker: () => openRaw(broker!),
  });
  return {
    roles: { consume: role === 'consumer', relay: role === 'relay', sweep: role === 'sweeper' },
    ...(broker && {
      broker: {
        ...(url ? { url, ...(timeoutMs && { timeoutMs }) } : { dataSource: broker }),
        ...(through && { through }),
      },
    }),
    ...(campaign === 'forgetting' && { retention: retentionFor(task.shape) }),
    relay: {
      batch: campaign === 'all' ? 50 : 10,
      ackTimeoutMs: timeoutMs ?? 3_000,
      pollMs: 50,
      delayMs: 50,
      maxDelayMs: 1_000,
      ...(campaign === 'forgetting' && FORGETTING_RELAY),
    },
    consumers: {
      ...(perTransaction
        ? // With a place for each delivery none would be shared.
          { perTransaction, concurrency: 2, connections: 2 }
        : { concurrency: 8, connections: 8 }),
      leaseMs: LEASE_MS[campaign],
      timeoutMs: campaign === 'hostile' ? HOSTILE_TIMEOUT_MS : 10_000,
      pollMs: 50,
      maxLostLeases: 10_000,
      retry: { attempts: 10_000, delayMs: 20, maxDelayMs: 500 },
    },
    statementTimeoutMs: 2_000,
  };
}
