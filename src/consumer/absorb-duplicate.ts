import { BizIdConflictError, ScenarioSharedError, ScopeDoomedError } from '../errors/index.js';
import { type DedupKey, type DedupRow, type LibraryConnections, readDedup } from '../storage/index.js';
import type { GuardedScope } from '../transaction/index.js';
import type { AckPath } from './ack-path.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { SourceIdentity, ScenarioSources } from './forgetting/scenario-sources.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import { isOwnRow, isTorn, tornError } from './torn.js';

export interface AbsorptionDeps {
  connections: LibraryConnections;
  sources: Pick<ScenarioSources, 'find'>;
}

/** A delivery whose biz-id is in the dedup log, or was a moment ago. */
export interface Duplicate {
  consumer: DiscoveredConsumer;
  held: HeldDelivery;
  key: DedupKey;
  source: SourceIdentity;
  /** Of its body, where the consumer wants it compared. */
  fingerprint: Buffer | undefined;
}

/** Says what it is, and acknowledges it if it is a repeat. Ends the scope. */
export async function absorbDuplicate(
  { connections, sources }: AbsorptionDeps,
  path: AckPath,
  scope: GuardedScope,
  duplicate: Duplicate,
): Promise<Outcome> {
  const { held, key, source } = duplicate;
  const row = await readDedup(connections.database, scope.own, key);
  if (row && isOwnRow(row, { seq: held.claimed.seq, sourceId: source.id }) && isTorn(row)) {
    await scope.rollback();
    return { kind: 'torn', error: tornError(scope.name) };
  }
  if (!row) {
    // Forgotten just now, or the key was another table's (a trigger): it is not a duplicate as far as anyone can see.
    await scope.rollback();
    return { kind: 'not-run', error: new ScopeDoomedError(`${scope.name}: its dedup row is gone again`) };
  }
  const known = { row, source: await sources.find(row.sourceId) };
  const error = findOtherGroup(scope.name, known, duplicate);
  if (error) {
    await scope.rollback();
    return { kind: 'rejected', error };
  }
  const conflict = findConflict(scope.name, known, duplicate);
  if (conflict) {
    await scope.rollback();
    return { kind: 'conflict', error: conflict };
  }
  return path.absorb(scope, held);
}

/** What took effect, and where it came from; no source is known where there was none, or it was deleted by hand. */
interface Known {
  row: DedupRow;
  source: SourceIdentity | undefined;
}

/** Two brokers count alike. */
function isSameMessage({ row, source }: Known, { held, source: own }: Duplicate): boolean {
  return row.seq === held.claimed.seq && (source?.broker.equals(own.broker) ?? false);
}

/**
 * Whose effect of this very message stands in the dedup log, if it is another group's. A former subscription of this
 * group, which was removed and came back, is nobody else.
 */
function findOtherGroup(name: string, known: Known, duplicate: Duplicate): ScenarioSharedError | undefined {
  const group = known.source?.group;
  if (group === undefined || group === duplicate.source.group || !isSameMessage(known, duplicate))
    return undefined;
  return new ScenarioSharedError(name, group);
}

/** The very same message has the same body, however it comes again. */
function findConflict(name: string, known: Known, duplicate: Duplicate): BizIdConflictError | undefined {
  const { row, source } = known;
  const { consumer, fingerprint } = duplicate;
  if (!fingerprint || !row.fingerprint || row.fingerprint.equals(fingerprint)) return undefined;
  if (isSameMessage(known, duplicate)) return undefined;
  // Topics that share a scenario have other bodies for the same thing. A default one has one topic, whoever subscribed to it.
  const isShared = consumer.kind === 'idempotent' && consumer.options.scenario !== undefined;
  if (isShared && source?.topic !== duplicate.source.topic) return undefined;
  const both = {
    fingerprint: fingerprint.toString('hex'),
    knownFingerprint: row.fingerprint.toString('hex'),
    tookEffectAt: row.createdAt,
  };
  return new BizIdConflictError(
    name,
    both,
    'If it is a thing of its own, publish it with a biz-id of its own; then purge this dead letter: a requeue would meet the same. See docs/changing-the-contract.md#one-biz-id-two-bodies.',
  );
}
