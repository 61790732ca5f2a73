import { setTimeout as pause } from 'node:timers/promises';
import { LeaseLostError, ScopeDoomedError } from '../errors/index.js';
import {
  type Database,
  type DedupKey,
  type NewDedup,
  type WriteResult,
  insertDedup,
  insertDedups,
  markAllDone,
  markDone,
} from '../storage/index.js';
import type { DedupMark, GuardedScope } from '../transaction/index.js';
import type { ColocatedBroker, Transport } from '../transport/port.js';
import { backoffMs } from '../waiting/index.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import type { DedupOrigin } from './torn.js';

/** How the ACK (5) of an idempotent consumer gets to the broker: with the COMMIT of its effect, or after it. */
export interface AckPath {
  /** The dedup row, as the first statement of the transaction; undefined when the key is there already. */
  begin(
    scope: GuardedScope,
    key: DedupKey,
    row: DedupOrigin & { token: Buffer; fingerprint: Buffer | undefined },
  ): Promise<WriteResult | undefined>;
  /** The last statement before COMMIT, which proves that the dedup row and the effect stand or fall together. */
  witness(
    scope: GuardedScope,
    mark: DedupKey & { token: Buffer },
    held: HeldDelivery,
  ): Promise<{ isProven: boolean; autocommit: boolean }>;
  /** The same of several that share a transaction; undefined when one of the keys is there already, and none was inserted. */
  beginAll(
    scope: GuardedScope,
    scenarioId: number,
    rows: readonly (NewDedup & { bizId: Buffer })[],
  ): Promise<WriteResult | undefined>;
  /** The witness for all of them. */
  witnessAll(
    scope: GuardedScope,
    mark: DedupMark,
    held: readonly HeldDelivery[],
  ): Promise<{ isProven: boolean; autocommit: boolean }>;
  /** Acknowledges a duplicate, whose handler doesn't run. Ends the scope. */
  absorb(scope: GuardedScope, held: HeldDelivery): Promise<Outcome>;
  /** When the COMMIT has been heard of. */
  afterCommit(held: HeldDelivery): Promise<Outcome>;
}

export function ackPathOf(transport: Transport, database: Database, leaseMs: number): AckPath {
  const { colocated } = transport;
  return colocated
    ? ackWithCommit(colocated, database)
    : ackAfterCommit(transport, database, { patienceMs: leaseMs });
}

/** Effect, dedup row and ACK are one commit. */
function ackWithCommit(colocated: ColocatedBroker, database: Database): AckPath {
  return {
    begin: (scope, key, row) => insertDedup(database, scope.own, key, row),
    async witness(scope, mark, { claimed }) {
      const { acknowledged, autocommit } = await colocated.acknowledgeWithEffect(scope.own, claimed, mark);
      return { isProven: acknowledged, autocommit };
    },
    beginAll: (scope, scenarioId, rows) => insertDedups(database, scope.own, scenarioId, rows),
    async witnessAll(scope, mark, held) {
      const leases = held.map(({ claimed }) => claimed);
      const { acknowledged, autocommit } = await colocated.acknowledgeAllWithEffects(scope.own, leases, mark);
      return { isProven: acknowledged === held.length, autocommit };
    },
    async absorb(scope, { claimed }) {
      if (!(await colocated.acknowledgeWithin(scope.own, claimed))) {
        await scope.rollback();
        return { kind: 'lease-lost' };
      }
      try {
        await scope.commit();
      } catch (error) {
        return { kind: 'commit-unknown', error };
      }
      return { kind: 'absorbed' };
    },
    afterCommit: async () => ({ kind: 'done' }),
  };
}

const RETRY = { delayMs: 100, maxDelayMs: 5_000 };

/** The broker is elsewhere: effect and dedup row are one commit, and the ACK goes its way after it, where it may get lost. */
function ackAfterCommit(
  transport: Transport,
  database: Database,
  { patienceMs }: { patienceMs: number },
): AckPath {
  const acknowledge = async (held: HeldDelivery, outcome: 'done' | 'absorbed'): Promise<Outcome> => {
    const lost = await acknowledgeInTime(transport, held, patienceMs);
    if (lost) return { kind: 'ack-lost', error: lost.error };
    return { kind: outcome };
  };
  return {
    begin: (scope, key, row) => insertDedup(database, scope.own, key, { ...row, unfinished: true }),
    async witness(scope, mark) {
      const { affected, session } = await markDone(database, scope.own, mark, mark.token);
      return { isProven: affected === 1, autocommit: session?.autocommit ?? false };
    },
    beginAll: (scope, scenarioId, rows) =>
      insertDedups(
        database,
        scope.own,
        scenarioId,
        rows.map((row) => ({ ...row, unfinished: true })),
      ),
    async witnessAll(scope, mark, held) {
      const { affected, session } = await markAllDone(database, scope.own, mark);
      return { isProven: affected === held.length, autocommit: session?.autocommit ?? false };
    },
    async absorb(scope, held) {
      held.settling = true;
      await scope.rollback();
      return acknowledge(held, 'absorbed');
    },
    afterCommit: (held) => acknowledge(held, 'done'),
  };
}

/**
 * The effect is durable, so it is worth trying again: a lost ACK costs a redelivery. Not longer than a lease, after which
 * that has come anyway; and a shutdown waits for one more try only.
 *
 * @returns why it did not get through, or was not taken; undefined when it was
 */
async function acknowledgeInTime(
  transport: Transport,
  held: HeldDelivery,
  patienceMs: number,
): Promise<{ error: unknown } | undefined> {
  const deadline = performance.now() + patienceMs;
  for (let tries = 1; ; tries++) {
    try {
      // After an error, a no most likely says that it had got through all the same.
      if ((await transport.acknowledge(held.claimed)) || tries > 1) return undefined;
      return { error: new LeaseLostError(`The lease of ${held.bizId} ran out before its ACK came.`) };
    } catch (error) {
      if (performance.now() >= deadline || held.signal.aborted) return { error };
      await pause(backoffMs(tries, RETRY), undefined, { signal: held.signal }).catch(() => undefined);
    }
  }
}

/** For a witness that found no row. */
export function notProven(name: string): ScopeDoomedError {
  return new ScopeDoomedError(
    `The transaction of ${name} was rolled back before its end, or its lease was lost: nothing of it is left.`,
  );
}
