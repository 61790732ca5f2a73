import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import {
  BizIdConflictError,
  CommitUnknownError,
  DeliveryTimeoutError,
  DedupKeyInProgressError,
  InvalidOptionError,
  ScopeDoomedError,
  type ScopeTornError,
  describeError,
} from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type DedupKey,
  type DedupRow,
  type LibraryConnections,
  insertDedup,
  readDedup,
  recordResult,
} from '../storage/index.js';
import { encodeBizId } from '../topic/index.js';
import {
  type AmbientScope,
  type DedupMark,
  GuardedScope,
  currentScope,
  doomScopeOf,
  isGuarded,
} from '../transaction/index.js';
import { checkName } from './consumer-options.js';
import { type IdempotentKey, describeKey, lostOr, torn } from './executor-key.js';
import { isUnderWay, noteUnderWay } from './keys-under-way.js';
import { contentionDelayMs } from './retry-policy.js';
import { type IdempotentRunOptions, type ResolvedRunOptions, resolveRunOptions } from './run-options.js';
import { type Scenarios, namedScenario } from './scenario.js';
import type { Stoppable } from './stoppable.js';
import { type IdempotentResult, decodeResult, encodeResult, storedResult } from './stored-result.js';
import { ROLLED_BACK, untilAbandoned, withinTimeLimit } from './time-limit.js';
import type { WorksUnderWay } from './works-under-way.js';

export type IdempotentWork<T> = (manager: EntityManager, context: IdempotentWorkContext) => Promise<T>;

export interface IdempotentWorkContext {
  /** Aborts when the time is up, or the process shuts down. Pass it to `fetch`. */
  signal: AbortSignal;
}

interface Limits extends ResolvedRunOptions {
  running: Stoppable;
}

export interface IdempotentExecutorDeps {
  dataSource: DataSource;
  connections: LibraryConnections;
  scenarios: Scenarios;
  statementTimeoutMs: number;
  /** For works that are given no time of their own. */
  timeoutMs: number;
  works: WorksUnderWay;
  events: Pick<IdempotentMqEvents, 'emit'>;
  onStray: (error: Error) => void;
}

const CONTENTION_RETRIES = 10;
const NO_DELIVERY = { seq: 0, sourceId: 0 };

/**
 * The dedup of `@IdempotentConsumer` for whatever brings a biz-id some other way: a webhook's controller, an
 * `@EventPattern` handler, a cron job.
 */
export class IdempotentExecutor {
  constructor(private readonly deps: IdempotentExecutorDeps) {}

  /**
   * Runs the work once for the biz-id, in a transaction with its dedup row. Inside a handler, or inside another `run`,
   * it joins that transaction. A plain `dataSource.transaction` it does **not** join: it commits on its own, whatever
   * becomes of that one. So don't call it there; do there what `work` is to do, in its place.
   *
   * @throws what the work throws; nothing of it is left then
   * @throws DeliveryTimeoutError when it took longer than `timeoutMs`; nothing of it is left then
   * @throws ConnectionLostError when its connection was lost; nothing of it is left then
   * @throws NoConnectionError when all connections stayed in use; it was not run
   * @throws CommitUnknownError when COMMIT got no answer: call again
   * @throws BizIdConflictError when the biz-id took effect before with another `fingerprint`; the work was not run
   * @throws ScopeTornError when the work committed by itself and did not finish
   */
  async run<T>(
    key: IdempotentKey,
    work: IdempotentWork<T>,
    options: IdempotentRunOptions = {},
  ): Promise<IdempotentResult<T>> {
    if (typeof key !== 'object' || key === null) {
      throw new InvalidOptionError('IdempotentExecutor.run(key)', key, 'an object with scenario and bizId');
    }
    checkName('IdempotentExecutor.run({ scenario })', key.scenario);
    const bizId = encodeBizId(key.bizId, 'IdempotentExecutor.run({ bizId }) must be');
    if (typeof work !== 'function') {
      throw new InvalidOptionError('IdempotentExecutor.run(key, work)', work, 'a function of the manager');
    }
    const where = 'IdempotentExecutor.run(key, work, options)';
    const resolved = resolveRunOptions(where, options, this.deps.timeoutMs);
    const { fingerprint } = resolved;
    const scope = currentScope();
    if (scope?.dataSource === this.deps.dataSource) {
      return this.runWithin(scope, key, { bizId, fingerprint }, work);
    }
    return this.deps.works.during(async (running) => {
      const dedup = { scenarioId: await this.deps.scenarios.idOf(namedScenario(key.scenario)), bizId };
      for (let attempt = 1; ; attempt++) {
        const limits = { ...resolved, running, isLastTry: attempt >= CONTENTION_RETRIES };
        const result = await this.tryRun(key, dedup, work, limits);
        if (result) return result;
        await pause(contentionDelayMs());
      }
    });
  }

  /** @returns undefined when others got in the way before the work began */
  private async tryRun<T>(
    key: IdempotentKey,
    dedup: DedupKey,
    work: IdempotentWork<T>,
    { isLastTry, ...limits }: Limits & { isLastTry: boolean },
  ): Promise<IdempotentResult<T> | undefined> {
    const { database } = this.deps.connections;
    const { running, fingerprint } = limits;
    const token = randomBytes(16);
    const scope = await GuardedScope.open(this.deps.connections, {
      ...this.deps,
      name: describeKey(key),
      kind: 'executor',
      waitMs: this.deps.statementTimeoutMs,
      signal: running.signal,
    });
    running.abandon = () => scope.destroy();
    try {
      const inserted = insertDedup(database, scope.own, dedup, { token, fingerprint, ...NO_DELIVERY });
      // It waits for whoever has the same biz-id under way.
      if (!(await untilAbandoned(inserted, running))) {
        const row = await readDedup(database, scope.own, dedup);
        await scope.rollback();
        if (row) return this.resultOf<T>(row, key, fingerprint);
        if (!isLastTry) return undefined;
        throw new ScopeDoomedError(
          `${describeKey(key)}: its key is taken, but no dedup row is there (a trigger on the table?).`,
        );
      }
    } catch (error) {
      await scope.rollback();
      if (isLastTry || !database.dialect.isContention(error)) throw lostOr(error, key);
      return undefined;
    }
    return this.runNew(scope, key, dedup, token, work, limits);
  }

  private async runNew<T>(
    scope: GuardedScope,
    key: IdempotentKey,
    dedup: DedupKey,
    token: Buffer,
    work: IdempotentWork<T>,
    limits: Limits,
  ): Promise<IdempotentResult<T>> {
    const { database } = this.deps.connections;
    const mark = scope.markedBy({ scenarioId: dedup.scenarioId, bizIds: [dedup.bizId], token });
    let stored: Buffer;
    try {
      const result = await this.perform(scope, dedup, work, limits);
      scope.throwIfDoomed();
      stored = encodeResult(result, key);
      const witness = await recordResult(database, scope.own, dedup, {
        token: mark.token,
        result: stored,
      });
      scope.session.autocommitSeen ||= witness.session?.autocommit ?? false;
      if (witness.affected !== 1 || scope.session.autocommitSeen) {
        throw new ScopeDoomedError(
          `The transaction of ${scope.name} was rolled back before its end: nothing of it is left.`,
        );
      }
      // A statement that nobody awaited may have come meanwhile.
      scope.throwIfDoomed();
    } catch (error) {
      await scope.rollback();
      if (await this.isTorn(scope.session, mark)) throw this.torn(key, error);
      throw error instanceof DeliveryTimeoutError ? (scope.session.doomedBy ?? error) : lostOr(error, key);
    }
    try {
      await scope.commit();
    } catch (cause) {
      if (database.dialect.refusesCommit(cause)) throw cause;
      throw new CommitUnknownError(
        `${describeKey(key)}: COMMIT got no answer. Call again: if it did commit, that finds out.`,
        { cause },
      );
    }
    return { executed: true, result: decodeResult<T>(stored) };
  }

  private async perform<T>(
    scope: GuardedScope,
    dedup: DedupKey,
    work: IdempotentWork<T>,
    { running, timeoutMs }: Limits,
  ): Promise<T> {
    const { signal } = running;
    // It may have waited for others until after a shutdown had cut them off.
    signal.throwIfAborted();
    running.abandon = (cause) => scope.abandon(cause);
    noteUnderWay(scope, this.deps.connections.database, dedup);
    const working = scope
      .run(() => work(scope.manager, { signal }))
      .then(async (result) => {
        await scope.beforeCommit();
        return result;
      });
    return withinTimeLimit(working, running, {
      name: `The work for ${scope.name}`,
      timeoutMs,
      consequence: ROLLED_BACK,
    });
  }

  /** As a nested transaction, so that a failure which the outer code swallows leaves no dedup row behind. */
  private async runWithin<T>(
    scope: AmbientScope,
    key: IdempotentKey,
    { bizId, fingerprint }: { bizId: Buffer; fingerprint: Buffer | undefined },
    work: IdempotentWork<T>,
  ): Promise<IdempotentResult<T>> {
    const { database } = this.deps.connections;
    const runner = scope.manager.queryRunner as QueryRunner & Connection;
    const dedup = {
      scenarioId: await this.deps.scenarios.idWithin(runner, namedScenario(key.scenario)),
      bizId,
    };
    if (isUnderWay(scope, database, dedup)) {
      throw new DedupKeyInProgressError(
        `${describeKey(key)} is run again inside of its own work, whose dedup row is not committed yet. Run it once, or give the inner work (or the consumer around it) a scenario of its own.`,
      );
    }
    return scope.manager.transaction(async (manager) => {
      const token = randomBytes(16);
      if (!(await insertDedup(database, runner, dedup, { token, fingerprint, ...NO_DELIVERY }))) {
        const row = await readDedup(database, runner, dedup);
        if (!row) throw new ScopeDoomedError(`${describeKey(key)}: its dedup row is gone again; try again.`);
        return storedResult<T>(row, key, fingerprint);
      }
      const takeBack = noteUnderWay(scope, database, dedup);
      let result: T;
      try {
        result = await work(manager, { signal: scope.signal });
      } finally {
        takeBack();
      }
      const stored = encodeResult(result, key);
      const witness = await recordResult(database, runner, dedup, { token, result: stored });
      if (witness.affected !== 1) {
        const error = new ScopeDoomedError(
          `The work for ${describeKey(key)} rolled back by itself, to before its dedup row: all of ${scope.name} is rolled back.`,
        );
        // Also where the code around it swallows the error, and the savepoint to go back to is gone.
        if (isGuarded(runner)) doomScopeOf(runner, error);
        throw error;
      }
      return { executed: true, result: decodeResult<T>(stored) };
    });
  }

  /** The conflict is told as an event too, because a caller may well answer it and be done. */
  private resultOf<T>(
    row: DedupRow,
    key: IdempotentKey,
    fingerprint: Buffer | undefined,
  ): IdempotentResult<T> {
    try {
      return storedResult<T>(row, key, fingerprint);
    } catch (error) {
      if (error instanceof BizIdConflictError) {
        const { knownFingerprint, tookEffectAt } = error;
        const about = {
          scenario: namedScenario(key.scenario),
          bizId: key.bizId,
          fingerprint: error.fingerprint,
        };
        this.deps.events.emit({ type: 'biz-id-conflict', ...about, knownFingerprint, tookEffectAt });
      }
      throw error;
    }
  }

  /** Told as an event too: a caller may answer it, and what it has left behind is still there. */
  private torn(key: IdempotentKey, cause: unknown): ScopeTornError {
    const error = torn(key, cause);
    const { bizId } = key;
    const scenario = namedScenario(key.scenario);
    this.deps.events.emit({ type: 'torn', scenario, bizId, error: describeError(error) });
    return error;
  }

  /** Leaves a dedup row behind then, also where the work has rolled its own back: without one the next call would run it again. */
  private async isTorn(session: GuardedScope['session'], mark: DedupMark): Promise<boolean> {
    const { connections } = this.deps;
    const { database } = connections;
    if (session.autocommitSeen || session.mayBeDurable) {
      const { token } = mark;
      // If that can't be written, the caller still has to hear that it is torn, and not that it may try again.
      await connections
        .controlTransaction((on) => insertDedup(database, on, mark, { token, ...NO_DELIVERY }))
        .catch(this.deps.onStray);
      return true;
    }
    if (!session.endedWithin) return false;
    const row = await connections.control((on) => readDedup(database, on, mark));
    return row !== undefined && mark.isOn(row);
  }
}
