import { randomBytes } from 'node:crypto';
import { findTakenBizIds } from '../../storage/index.js';
import { decodePayload, fingerprintOf, validatePayload } from '../../topic/index.js';
import { type DedupMark, GuardedScope } from '../../transaction/index.js';
import { type AckPath, ackPathOf, notProven } from '../ack-path.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import { idempotentDelivery } from '../delivery.js';
import type { HeldDelivery } from '../held-delivery.js';
import { noteUnderWay } from '../keys-under-way.js';
import { type Outcome, outcomeOfHandler } from '../outcome.js';
import { COMES_AGAIN, ROLLED_BACK, untilAbandoned, withinTimeLimit } from '../time-limit.js';
import { type Broken, sortOut } from './sort-out.js';

/** A delivery of the slice that can be handled. */
interface Member extends Broken {
  payload: unknown;
  /** One for all: the witness knows them by it. */
  token: Buffer;
  fingerprint: Buffer | undefined;
}

/** What became of each; who is missing is to be run alone, as if this had not been. */
export type SliceOutcomes = ReadonlyMap<HeldDelivery, Outcome>;

const ALL_ALONE: SliceOutcomes = new Map();

/**
 * One attempt of several deliveries of a subscription in one transaction: the dedup rows in one statement, the handlers
 * one after the other, one witness for all, one COMMIT. All or nothing: whatever goes wrong, nothing of it is left, and
 * each is run alone, where it is seen whose fault it was.
 */
export async function consumeSlice(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  slice: readonly HeldDelivery[],
): Promise<SliceOutcomes> {
  const { database } = deps.connections;
  const path = ackPathOf(deps.transport, database, consumer.settings.leaseMs);
  let scenarioId: number;
  let readable: Member[];
  let scope: GuardedScope;
  try {
    readable = await readAll(deps, consumer, slice);
    if (readable.length < 2) return tooLong(slice);
    scenarioId = await deps.scenarios.idOf(consumer.scenario);
    scope = await openScope(deps, consumer, readable);
  } catch {
    return ALL_ALONE;
  }
  let run: Member[] = [];
  try {
    const members = await insertRows(deps, path, scope, scenarioId, readable);
    if (members.length === 0) return await leaveAlone(scope);
    const mark = markRows(deps, scope, scenarioId, members);
    try {
      run = await runAll(deps, consumer, scope, members);
      await leaveOut(mark, scope, members.slice(run.length));
      await prove(path, scope, mark, run);
    } catch (error) {
      for (const { held } of members) held.settling = false;
      await scope.rollback();
      if (isDurableInPart(scope))
        return await sortOut(deps, path, { mark, name: scope.name, cause: error }, members);
      return tooLong(slice, () => outcomeOfHandler(database.dialect, error, scope.session.doomedBy));
    }
  } catch {
    return await leaveAlone(scope);
  } finally {
    // From here on the connection may be somebody else's.
    for (const { held } of readable) held.abandon = undefined;
  }
  return new Map([...tooLong(slice), ...(await commitAndAck(deps, path, scope, run))]);
}

function markRows(
  { connections: { database } }: ConsumptionDeps,
  scope: GuardedScope,
  scenarioId: number,
  members: readonly Member[],
): DedupMark {
  const bizIds = members.map(({ bizId }) => bizId);
  for (const bizId of bizIds) noteUnderWay(scope, database, { scenarioId, bizId });
  return scope.markedBy({ scenarioId, bizIds, token: members[0]!.token });
}

/** @returns those that were run: nobody is to run in what is left of a transaction that another one has ended */
async function runAll(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  scope: GuardedScope,
  members: readonly Member[],
): Promise<Member[]> {
  const run: Member[] = [];
  for (const member of members) {
    member.progress = 'begun';
    await runHandler(deps, consumer, member, scope);
    run.push(member);
    if (scope.session.endedWithin) break;
    member.progress = 'whole';
  }
  await letSubscribersWrite(consumer, run.at(-1)!.held, scope);
  return run;
}

/** Those that were not run have no effect, whatever has made their rows durable. */
async function leaveOut(
  mark: DedupMark,
  { name }: GuardedScope,
  untouched: readonly Member[],
): Promise<void> {
  if (untouched.length === 0) return;
  const wereThere = await mark.leaveOut(untouched.map(({ bizId }) => bizId));
  if (!wereThere) throw notProven(name);
}

async function prove(
  path: AckPath,
  scope: GuardedScope,
  mark: DedupMark,
  members: readonly Member[],
): Promise<void> {
  const all = members.map(({ held }) => held);
  for (const held of all) held.settling = true;
  const { isProven, autocommit } = await path.witnessAll(scope, mark, all);
  scope.session.autocommitSeen ||= autocommit;
  if (!isProven || autocommit) throw notProven(scope.name);
  // A statement that nobody awaited may have come meanwhile.
  scope.throwIfDoomed();
}

/** Those that took too long: it was their own fault, and their signals are aborted, so alone they could not run. */
function tooLong(slice: readonly HeldDelivery[], outcomeOf = failed): SliceOutcomes {
  const late = slice.filter(({ abortedBy }) => abortedBy === 'timeout');
  return new Map(late.map((held) => [held, outcomeOf(held)]));
}

function failed({ signal }: HeldDelivery): Outcome {
  return { kind: 'failed', error: signal.reason };
}

/** Without those whose body can't be read: alone, they say why. */
async function readAll(
  { sources }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  slice: readonly HeldDelivery[],
): Promise<Member[]> {
  const token = randomBytes(16);
  const { settings, scenario, topic, name } = consumer;
  const read = async (held: HeldDelivery): Promise<Member[]> => {
    try {
      const { bizId, seq, subscriptionId } = held.claimed;
      const body = decodePayload(held.claimed.body);
      const fingerprint = settings.fingerprint ? fingerprintOf(body) : undefined;
      const payload = await withinTimeLimit(validatePayload(topic, body), held, {
        name: `The schema of ${name}`,
        timeoutMs: settings.timeoutMs,
        consequence: COMES_AGAIN,
      });
      const { id: sourceId } = sources.of(scenario, subscriptionId);
      return [{ held, payload, bizId, token, fingerprint, origin: { seq, sourceId }, progress: 'untouched' }];
    } catch {
      return [];
    }
  };
  return (await Promise.all(slice.map(read))).flat();
}

async function openScope(
  { connections, dataSource, statementTimeoutMs, onStray }: ConsumptionDeps,
  { name }: DiscoveredConsumer,
  members: readonly Member[],
): Promise<GuardedScope> {
  const [{ held }] = members as [Member];
  const scope = await GuardedScope.open(connections, {
    name: `${name} for ${held.bizId} and ${members.length - 1} more`,
    kind: 'handler',
    waitMs: statementTimeoutMs,
    signal: held.signal,
    dataSource,
    statementTimeoutMs,
    onStray,
  });
  for (const member of members) member.held.abandon = (cause) => scope.abandon(cause);
  return scope;
}

/** @returns those whose rows are in: without the repeats of what took effect before, which are absorbed alone */
async function insertRows(
  { connections: { database } }: ConsumptionDeps,
  path: AckPath,
  scope: GuardedScope,
  scenarioId: number,
  members: Member[],
): Promise<Member[]> {
  const insert = (those: readonly Member[]) => {
    const rows = those.map(({ bizId, token, fingerprint, origin }) => ({
      bizId,
      token,
      fingerprint,
      ...origin,
    }));
    // It waits for whoever has one of the biz-ids under way.
    return untilAbandoned(path.beginAll(scope, scenarioId, rows), those[0]!.held);
  };
  if (await insert(members)) return members;
  const bizIds = members.map(({ bizId }) => bizId);
  const taken = await findTakenBizIds(database, scope.own, scenarioId, bizIds);
  const first = members.filter(({ bizId }) => !taken.some((one) => one.equals(bizId)));
  return first.length > 1 && (await insert(first)) ? first : [];
}

async function runHandler(
  { caller }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  { held, payload }: Member,
  scope: GuardedScope,
): Promise<void> {
  held.signal.throwIfAborted();
  // It may have waited for those before it.
  if (held.isExpired) throw new Error(`The time of ${held.bizId} was over before its turn came.`);
  const { context } = idempotentDelivery(consumer, held, payload, scope.manager);
  held.abandon = (cause) => scope.abandon(cause);
  const work = scope.run(() => caller.call(consumer, payload, context));
  const { timeoutMs } = consumer.settings;
  await withinTimeLimit(work, held, { name: consumer.name, timeoutMs, consequence: ROLLED_BACK });
  scope.throwIfDoomed();
}

async function letSubscribersWrite(
  { name, settings: { timeoutMs } }: DiscoveredConsumer,
  last: HeldDelivery,
  scope: GuardedScope,
): Promise<void> {
  last.abandon = (cause) => scope.abandon(cause);
  await withinTimeLimit(scope.beforeCommit(), last, { name, timeoutMs, consequence: ROLLED_BACK });
  scope.throwIfDoomed();
}

async function leaveAlone(scope: GuardedScope): Promise<SliceOutcomes> {
  await scope.rollback();
  return ALL_ALONE;
}

function isDurableInPart({ session }: GuardedScope): boolean {
  return session.autocommitSeen || session.mayBeDurable;
}

async function commitAndAck(
  { connections: { database } }: ConsumptionDeps,
  path: AckPath,
  scope: GuardedScope,
  members: readonly Member[],
): Promise<SliceOutcomes> {
  try {
    await scope.commit();
  } catch (error) {
    // SQLite answers for itself: an error of its COMMIT is a no.
    if (database.dialect.engine === 'sqlite') return ALL_ALONE;
    return new Map(members.map(({ held }) => [held, { kind: 'commit-unknown', error }]));
  }
  const acked = members.map(async ({ held }): Promise<[HeldDelivery, Outcome]> => [
    held,
    await path.afterCommit(held),
  ]);
  return new Map(await Promise.all(acked));
}
