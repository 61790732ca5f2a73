import { BizIdConflictError, ScenarioSharedError, ScopeDoomedError } from '../errors/index.js';
import { type DedupKey, type DedupRow, type LibraryConnections, readDedup } from '../storage/index.js';
import type { GuardedScope } from '../transaction/index.js';
import type { Transport } from '../transport/port.js';
import type { AckPath } from './ack-path.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import { isOwnRow, isTorn, tornError } from './torn.js';

export interface AbsorptionDeps {
  connections: LibraryConnections;
  transport: Pick<Transport, 'groupOf'>;
}

/** A delivery whose biz-id is in the dedup log, or was a moment ago. */
export interface Duplicate {
  consumer: DiscoveredConsumer;
  held: HeldDelivery;
  key: DedupKey;
  /** Of its body, where the consumer wants it compared. */
  fingerprint: Buffer | undefined;
}

/** Says what it is, and acknowledges it if it is a repeat. Ends the scope. */
export async function absorbDuplicate(
  { connections, transport }: AbsorptionDeps,
  path: AckPath,
  scope: GuardedScope,
  duplicate: Duplicate,
): Promise<Outcome> {
  const { held, key } = duplicate;
  const row = await readDedup(connections.database, scope.own, key);
  if (row && isOwnRow(row, held) && isTorn(row)) {
    await scope.rollback();
    return { kind: 'torn', error: tornError(scope.name) };
  }
  if (!row) {
    // Forgotten just now, or the key was another table's (a trigger): it is not a duplicate as far as anyone can see.
    await scope.rollback();
    return { kind: 'not-run', error: new ScopeDoomedError(`${scope.name}: its dedup row is gone again`) };
  }
  const other = await otherGroup(transport, row, held);
  if (other !== undefined) {
    await scope.rollback();
    return { kind: 'rejected', error: new ScenarioSharedError(scope.name, other) };
  }
  const conflict = findConflict(scope.name, row, duplicate);
  if (conflict) {
    await scope.rollback();
    return { kind: 'conflict', error: conflict };
  }
  return path.absorb(scope, held);
}

/**
 * Whose effect of this very message stands in the dedup log, if it is another group's. A former subscription of this
 * group, which was removed and came back, is nobody else.
 */
async function otherGroup(
  transport: Pick<Transport, 'groupOf'>,
  { seq, subscriptionId }: DedupRow,
  { claimed }: HeldDelivery,
): Promise<string | undefined> {
  if (seq !== claimed.seq || subscriptionId === claimed.subscriptionId) return undefined;
  return transport.groupOf(subscriptionId);
}

/** The very same message has the same body, however it comes again. */
function findConflict(
  name: string,
  row: DedupRow,
  { consumer, held: { claimed }, fingerprint }: Duplicate,
): BizIdConflictError | undefined {
  if (!fingerprint || !row.fingerprint || row.fingerprint.equals(fingerprint)) return undefined;
  if (row.seq === claimed.seq) return undefined;
  // Topics that share a scenario have other bodies for the same thing. A default one has one topic, whoever subscribed to it.
  const isShared = consumer.kind === 'idempotent' && consumer.options.scenario !== undefined;
  if (isShared && row.subscriptionId !== claimed.subscriptionId) return undefined;
  const known = {
    fingerprint: fingerprint.toString('hex'),
    knownFingerprint: row.fingerprint.toString('hex'),
    tookEffectAt: row.createdAt,
  };
  return new BizIdConflictError(
    name,
    known,
    'If it is a thing of its own, publish it with a biz-id of its own; then purge this dead letter: a requeue would meet the same. See docs/changing-the-contract.md#one-biz-id-two-bodies.',
  );
}
