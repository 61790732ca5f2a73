import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { AckMissingError } from '../errors/index.js';
import type { DedupKey, LibraryConnections, ScopeDelivery } from '../storage/index.js';
import { decodePayload, fingerprintOf } from '../topic/index.js';
import { type DedupMark, GuardedScope } from '../transaction/index.js';
import type { Transport } from '../transport/port.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { absorbDuplicate } from './absorb-duplicate.js';
import type { ScenarioSources, SourceIdentity } from './forgetting/scenario-sources.js';
import { findTooOld } from './judge-age.js';
import { type AckPath, ackPathOf, notProven } from './ack-path.js';
import { idempotentBatch } from './batch/batch.js';
import { Verdicts } from './batch/verdicts.js';
import { idempotentDelivery, scopeDelivery } from './delivery.js';
import type { HandlerCaller } from './handler-caller.js';
import type { HeldDelivery } from './held-delivery.js';
import { noteUnderWay } from './keys-under-way.js';
import { type Outcome, outcomeOfError, outcomeOfHandler } from './outcome.js';
import type { Scenarios } from './scenario.js';
import { ROLLED_BACK, untilAbandoned, withinTimeLimit } from './time-limit.js';
import { type DedupOrigin, tornOutcome } from './torn.js';
import { validated } from './validated.js';

export interface ConsumptionDeps {
  dataSource: DataSource;
  connections: LibraryConnections;
  transport: Transport;
  scenarios: Scenarios;
  sources: Pick<ScenarioSources, 'of' | 'find'>;
  caller: HandlerCaller;
  statementTimeoutMs: number;
  onStray: (error: Error, delivery?: ScopeDelivery) => void;
}

/**
 * One attempt of an `@IdempotentConsumer`: the dedup row first, then the handler, then the witness, which finds its row
 * only if the dedup row is still there, then one COMMIT for all of it. The ACK is the witness itself, or follows the COMMIT.
 */
export async function consumeIdempotently(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
): Promise<Outcome> {
  const { database } = deps.connections;
  const { dialect } = database;
  const path = ackPathOf(deps.transport, database, consumer.settings.leaseMs);
  let payload: unknown;
  let fingerprint: Buffer | undefined;
  let key: DedupKey;
  let source: SourceIdentity;
  let scope: GuardedScope;
  try {
    const body = decodePayload(held.claimed.body);
    // Of the body as published, and before a schema has had it in its hands.
    if (consumer.settings.fingerprint) fingerprint = fingerprintOf(body);
    payload = await validated(consumer, held, body);
  } catch (error) {
    // A rolling deploy may have brought the newer publisher first: it comes again.
    return { kind: 'failed', error };
  }
  try {
    key = { scenarioId: await deps.scenarios.idOf(consumer.scenario), bizId: held.claimed.bizId };
    source = deps.sources.of(consumer.scenario, held.claimed.subscriptionId);
    scope = await openScope(deps, consumer, held);
  } catch (error) {
    return { kind: 'not-run', error };
  }
  const origin = { seq: held.claimed.seq, sourceId: source.id };
  // Not the lease's: two copies that came with one claim have the same, and one would take the other's row for its own.
  const token = randomBytes(16);
  try {
    const inserted = path.begin(scope, key, { ...origin, token, fingerprint });
    // It waits for whoever has the same biz-id under way.
    if (!(await untilAbandoned(inserted, held)))
      return await absorbDuplicate(deps, path, scope, { consumer, held, key, source, fingerprint });
    const tooOld = await findTooOld(database, scope.own, key, held, origin);
    if (tooOld) {
      await scope.rollback();
      return { kind: 'too-old', error: tooOld };
    }
  } catch (error) {
    await scope.rollback();
    return { kind: 'not-run', error };
  }
  // It may have waited for its connection, the write lock or another one's dedup row.
  if (held.isExpired) {
    await scope.rollback();
    return { kind: 'expired' };
  }
  noteUnderWay(scope, database, key);
  const mark = scope.markedBy({ scenarioId: key.scenarioId, bizIds: [key.bizId], token });
  try {
    await runHandler(deps, consumer, held, payload, scope);
    held.settling = true;
    scope.throwIfDoomed();
  } catch (error) {
    await scope.rollback();
    return (
      (await tornOutcome(deps.connections, scope, mark, origin, error)) ??
      outcomeOfHandler(dialect, error, scope.session.doomedBy)
    );
  }
  return commitAndAck(deps, path, scope, { mark, origin, held });
}

async function openScope(
  { connections, dataSource, statementTimeoutMs, onStray }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
): Promise<GuardedScope> {
  const scope = await GuardedScope.open(connections, {
    name: `${consumer.name} for ${held.bizId}`,
    delivery: scopeDelivery(consumer, held),
    kind: 'handler',
    waitMs: statementTimeoutMs,
    signal: held.signal,
    dataSource,
    statementTimeoutMs,
    onStray,
  });
  held.abandon = () => scope.destroy();
  return scope;
}

async function runHandler(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
  payload: unknown,
  scope: GuardedScope,
): Promise<void> {
  const { timeoutMs } = consumer.settings;
  // It may have waited for its connection, or the write lock, until after a shutdown had cut off the others.
  held.signal.throwIfAborted();
  const { call, mayCommit } = handlerCall(deps, consumer, { held, payload }, scope);
  held.abandon = (cause) => scope.abandon(cause);
  const work = scope.run(call).then(() => {
    mayCommit();
    return scope.beforeCommit();
  });
  // Also what it left running is waited for no longer than that.
  await withinTimeLimit(work, held, { name: consumer.name, timeoutMs, consequence: ROLLED_BACK });
}

/** How its handler is called, with a batch of one where it gets batches. `mayCommit` throws where it has not said yes. */
function handlerCall(
  { caller, onStray }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  one: { held: HeldDelivery; payload: unknown },
  { manager }: GuardedScope,
): { call: () => Promise<unknown>; mayCommit: () => void } {
  const { name, options, settings } = consumer;
  const { held, payload } = one;
  if (settings.batch) {
    const verdicts = new Verdicts(onStray);
    const batch = idempotentBatch(consumer, [one], { manager, signal: held.signal, verdicts });
    const mayCommit = () => verdicts.throwFirst();
    const call = async () => {
      try {
        return await caller.call(consumer, [payload], batch);
      } finally {
        verdicts.close();
        // What it has said of it tells more than what it throws then.
        mayCommit();
      }
    };
    return { call, mayCommit };
  }
  const delivery = idempotentDelivery(consumer, held, payload, manager);
  const mayCommit = () => {
    if (options.ack !== 'manual' || delivery.wasAcked()) return;
    throw new AckMissingError(
      `${name} returned without delivery.ack(), so it was rolled back (its consumer says ack: 'manual').`,
    );
  };
  return { call: () => caller.call(consumer, payload, delivery.context), mayCommit };
}

async function commitAndAck(
  deps: ConsumptionDeps,
  path: AckPath,
  scope: GuardedScope,
  { mark, origin, held }: { mark: DedupMark; origin: DedupOrigin; held: HeldDelivery },
): Promise<Outcome> {
  const { dialect } = deps.connections.database;
  let witness: { isProven: boolean; autocommit: boolean };
  try {
    witness = await path.witness(scope, mark, held);
    // A statement that nobody awaited may have come meanwhile.
    scope.throwIfDoomed();
  } catch (error) {
    await scope.rollback();
    return (
      (await tornOutcome(deps.connections, scope, mark, origin, error)) ?? outcomeOfError(dialect, error)
    );
  }
  if (!witness.isProven || witness.autocommit) {
    scope.session.autocommitSeen ||= witness.autocommit;
    await scope.rollback();
    const error = notProven(scope.name);
    return (await tornOutcome(deps.connections, scope, mark, origin, error)) ?? { kind: 'failed', error };
  }
  try {
    await scope.commit();
  } catch (error) {
    return dialect.refusesCommit(error) ? outcomeOfError(dialect, error) : { kind: 'commit-unknown', error };
  }
  return path.afterCommit(held);
}
