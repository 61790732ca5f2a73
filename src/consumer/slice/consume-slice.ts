import { findTakenBizIds } from '../../storage/index.js';
import { type DedupMark, GuardedScope } from '../../transaction/index.js';
import { type AckPath, ackPathOf, notProven } from '../ack-path.js';
import { Together } from '../batch/together.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import { scopeDelivery } from '../delivery.js';
import type { HeldDelivery } from '../held-delivery.js';
import { JUDGED_FROM_MS, isAnyTooOld } from '../judge-age.js';
import { noteUnderWay } from '../keys-under-way.js';
import type { Outcome } from '../outcome.js';
import { untilAbandoned } from '../time-limit.js';
import { atOnce } from './at-once.js';
import { inTurn } from './in-turn.js';
import type { Manner, SliceResult } from './manner.js';
import { type Member, readMembers } from './member.js';
import { sortOut } from './sort-out.js';

/** What one attempt of a slice works with. */
interface Attempt {
  deps: ConsumptionDeps;
  consumer: DiscoveredConsumer;
  path: AckPath;
  scope: GuardedScope;
  scenarioId: number;
  together: Together;
  manner: Manner;
}

/** What is proven, and needs nothing but its COMMIT. */
interface Proven {
  run: readonly Member[];
  /** Not run, because one before them has ended the transaction. */
  untouched: readonly Member[];
  mark: DedupMark;
}

const ALL_ALONE: SliceResult = { outcomes: new Map(), next: [] };

/**
 * One attempt of several deliveries of a subscription in one transaction: the dedup rows in one statement, the handlers,
 * one witness for all, one COMMIT. All or nothing: whatever goes wrong, nothing of it is left, and they are run again
 * apart, where it is seen whose fault it was.
 */
export async function consumeSlice(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  slice: readonly HeldDelivery[],
): Promise<SliceResult> {
  const readable = await readMembers(deps, consumer, slice);
  const { outcomes, next } =
    readable.length < 2 ? ALL_ALONE : await consumeReadable(deps, consumer, readable);
  return { outcomes: new Map([...stopped(slice), ...outcomes]), next };
}

/** Their signals are aborted, so alone they could not run. */
function stopped(slice: readonly HeldDelivery[]): [HeldDelivery, Outcome][] {
  const those = slice.filter(({ abortedBy }) => abortedBy !== undefined);
  return those.map((held) => [held, { kind: 'failed', error: held.signal.reason as unknown }]);
}

async function consumeReadable(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  readable: Member[],
): Promise<SliceResult> {
  const { connections, transport } = deps;
  const path = ackPathOf(transport, connections.database, consumer.settings.leaseMs);
  const together = new Together(readable.map(({ held }) => held));
  const manner = consumer.settings.batch ? atOnce(deps, consumer, together) : inTurn(deps, consumer);
  let attempt: Attempt;
  try {
    const scenarioId = await deps.scenarios.idOf(consumer.scenario);
    const scope = await openScope(deps, consumer, readable, together);
    attempt = { deps, consumer, path, scope, scenarioId, together, manner };
  } catch (error) {
    together.part();
    // What stopped one of them says nothing of the others.
    if (together.abortedBy) return ALL_ALONE;
    return { outcomes: new Map(readable.map(({ held }) => [held, { kind: 'not-run', error }])), next: [] };
  }
  let ready: Proven | SliceResult;
  try {
    ready = await upToTheCommit(attempt, readable);
  } catch {
    await attempt.scope.rollback();
    return ALL_ALONE;
  } finally {
    // From here on the connection may be somebody else's.
    together.part();
  }
  return 'next' in ready ? ready : commitAndAck(attempt, ready);
}

async function openScope(
  { connections, dataSource, statementTimeoutMs, onStray }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  members: readonly Member[],
  together: Together,
): Promise<GuardedScope> {
  const [{ held }] = members as [Member];
  const scope = await GuardedScope.open(connections, {
    name: `${consumer.name} for ${held.bizId} and ${members.length - 1} more`,
    delivery: scopeDelivery(consumer, held),
    kind: 'handler',
    waitMs: statementTimeoutMs,
    signal: together.signal,
    dataSource,
    statementTimeoutMs,
    onStray,
  });
  together.abandon = (cause) => scope.abandon(cause);
  return scope;
}

/** @returns what can be committed; or what is to be done where nothing can */
async function upToTheCommit(attempt: Attempt, readable: Member[]): Promise<Proven | SliceResult> {
  const { deps, path, scope, manner } = attempt;
  let members: Member[];
  try {
    members = await insertRows(attempt, readable);
  } catch {
    await scope.rollback();
    return { outcomes: new Map(), next: manner.regroup(readable.map(({ held }) => held)) };
  }
  if (members.length === 0) return leaveAlone(scope);
  if (await isAnyTooOld(deps.connections.database, scope.own, attempt.scenarioId, members))
    return withoutTheOld(scope, members);
  const mark = markRows(attempt, members);
  try {
    const run = await manner.run(scope, members);
    const untouched = members.slice(run.length);
    await leaveOut(mark, scope, untouched);
    await prove(path, scope, mark, run);
    return { run, untouched, mark };
  } catch (error) {
    for (const { held } of members) held.settling = false;
    await scope.rollback();
    const { outcomes, next } = manner.afterFailure(scope, members, error);
    const isDurable = isDurableInPart(scope);
    if (!isDurable && !scope.session.mayHaveEnded) return { outcomes, next };
    const sorted = await sortOut(deps, path, { mark, name: scope.name, cause: error, isDurable }, members);
    const unsorted = next.map((group) => group.filter((held) => !sorted.has(held)));
    return { outcomes: new Map([...outcomes, ...sorted]), next: unsorted.filter(({ length }) => length > 0) };
  }
}

/** @returns those whose rows are in: without the repeats of what took effect before, which are absorbed alone */
async function insertRows(
  { deps, path, scope, scenarioId, together }: Attempt,
  members: Member[],
): Promise<Member[]> {
  const insert = (those: readonly Member[]) => {
    const rows = those.map(({ bizId, token, fingerprint, origin }) => ({
      bizId,
      token,
      fingerprint,
      ...origin,
    }));
    together.abandon = (cause) => scope.abandon(cause);
    // It waits for whoever has one of the biz-ids under way.
    return untilAbandoned(path.beginAll(scope, scenarioId, rows), together);
  };
  if (await insert(members)) return members;
  const bizIds = members.map(({ bizId }) => bizId);
  const taken = await findTakenBizIds(deps.connections.database, scope.own, scenarioId, bizIds);
  const first = members.filter(({ bizId }) => !taken.some((one) => one.equals(bizId)));
  return first.length > 1 && (await insert(first)) ? first : [];
}

function markRows({ deps, scope, scenarioId }: Attempt, members: readonly Member[]): DedupMark {
  const { database } = deps.connections;
  const bizIds = members.map(({ bizId }) => bizId);
  for (const bizId of bizIds) noteUnderWay(scope, database, { scenarioId, bizId });
  return scope.markedBy({ scenarioId, bizIds, token: members[0]!.token });
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

async function leaveAlone(scope: GuardedScope): Promise<SliceResult> {
  await scope.rollback();
  return ALL_ALONE;
}

/** Those that landed long ago have to be looked at one by one. */
async function withoutTheOld(scope: GuardedScope, members: readonly Member[]): Promise<SliceResult> {
  await scope.rollback();
  const young = members.map(({ held }) => held).filter(({ ageMs }) => ageMs < JUDGED_FROM_MS);
  return { outcomes: new Map(), next: [young] };
}

function isDurableInPart({ session }: GuardedScope): boolean {
  return session.autocommitSeen || session.mayBeDurable;
}

async function commitAndAck(attempt: Attempt, proven: Proven): Promise<SliceResult> {
  const { deps, path, scope } = attempt;
  const { run } = proven;
  try {
    await scope.commit();
  } catch (error) {
    if (deps.connections.database.dialect.refusesCommit(error)) return ALL_ALONE;
    return { outcomes: await afterLostCommit(attempt, proven, error), next: [] };
  }
  const acked = run.map(async ({ held }): Promise<[HeldDelivery, Outcome]> => [
    held,
    await path.afterCommit(held),
  ]);
  return { outcomes: new Map(await Promise.all(acked)), next: [] };
}

/**
 * Nobody knows whether it was done. Where one of the handlers had committed by itself before, the dedup rows of all may be
 * durable all the same, also of those that are whole, or were not run: met by a redelivery, they would look torn.
 */
async function afterLostCommit(
  { deps, path, scope }: Attempt,
  { run, untouched, mark }: Proven,
  error: unknown,
): Promise<Map<HeldDelivery, Outcome>> {
  const { endedWithin, mayHaveEnded } = scope.session;
  const known = endedWithin || mayHaveEnded ? run.filter(({ progress }) => progress === 'whole') : [];
  const sorted = await sortOut(deps, path, { mark, name: scope.name, cause: error, isDurable: false }, [
    ...known,
    ...untouched,
  ]);
  const outcomes = new Map(sorted);
  for (const { held } of run) {
    const { kind } = outcomes.get(held) ?? {};
    // Its ACK is not needed where the COMMIT was done.
    if (!known.some((one) => one.held === held) || kind === 'lease-lost')
      outcomes.set(held, { kind: 'commit-unknown', error });
  }
  return outcomes;
}
