import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import {
  CommitUnknownError,
  DedupKeyInProgressError,
  InvalidOptionError,
  ScopeDoomedError,
  ScopeTornError,
} from '../errors/index.js';
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
import { type AmbientScope, GuardedScope, currentScope } from '../transaction/index.js';
import { checkName } from './consumer-options.js';
import { contentionDelayMs } from './retry-policy.js';
import { type Scenarios, namedScenario } from './scenario.js';

export interface IdempotentKey {
  /** The namespace of the biz-id: a name of the contract, like a topic's. */
  scenario: string;
  bizId: string;
}

export interface IdempotentResult<T> {
  /** False when the biz-id had taken effect before, and the work was not run. */
  executed: boolean;
  /** What the work returned: this time, or when it took effect. Stored as JSON. */
  result: T;
}

export interface IdempotentExecutorDeps {
  dataSource: DataSource;
  connections: LibraryConnections;
  scenarios: Scenarios;
  statementTimeoutMs: number;
  onStray: (error: Error) => void;
}

const CONTENTION_RETRIES = 10;
const NO_DELIVERY = { seq: 0, subscriptionId: 0 };
const UNDEFINED = Buffer.alloc(0);

/**
 * The dedup of `@IdempotentConsumer` for whatever brings a biz-id some other way: a webhook's controller, an
 * `@EventPattern` handler, a cron job.
 */
export class IdempotentExecutor {
  /** The keys that each scope has under way. */
  private readonly inProgress = new WeakMap<AmbientScope, Set<string>>();

  constructor(private readonly deps: IdempotentExecutorDeps) {}

  /**
   * Runs the work once for the biz-id, in a transaction with its dedup row. Inside a handler, or inside another `run`,
   * it joins that transaction.
   *
   * @throws what the work throws; nothing of it is left then
   * @throws CommitUnknownError when COMMIT got no answer: call again
   * @throws ScopeTornError when the work committed by itself and did not finish
   */
  async run<T>(
    key: IdempotentKey,
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<IdempotentResult<T>> {
    if (typeof key !== 'object' || key === null) {
      throw new InvalidOptionError('IdempotentExecutor.run(key)', key, 'an object with scenario and bizId');
    }
    checkName('IdempotentExecutor.run({ scenario })', key.scenario);
    const bizId = encodeBizId(key.bizId, 'IdempotentExecutor.run({ bizId }) must be');
    const scope = currentScope();
    if (scope?.dataSource === this.deps.dataSource) return this.runWithin(scope, key, bizId, work);
    const dedup = { scenarioId: await this.deps.scenarios.idOf(namedScenario(key.scenario)), bizId };
    for (let attempt = 1; ; attempt++) {
      const result = await this.tryRun(key, dedup, work, attempt >= CONTENTION_RETRIES);
      if (result) return result;
      await pause(contentionDelayMs());
    }
  }

  /** @returns undefined when others got in the way before the work began */
  private async tryRun<T>(
    key: IdempotentKey,
    dedup: DedupKey,
    work: (manager: EntityManager) => Promise<T>,
    isLastTry: boolean,
  ): Promise<IdempotentResult<T> | undefined> {
    const { database } = this.deps.connections;
    const token = randomBytes(16);
    const scope = await GuardedScope.open(this.deps.connections, { ...this.deps, name: describeKey(key) });
    try {
      if (!(await insertDedup(database, scope.own, dedup, { token, ...NO_DELIVERY }))) {
        const row = await readDedup(database, scope.own, dedup);
        await scope.rollback();
        if (row) return storedResult<T>(row, key);
        if (!isLastTry) return undefined;
        throw new ScopeDoomedError(
          `${describeKey(key)}: its key is taken, but no dedup row is there (a trigger on the table?).`,
        );
      }
    } catch (error) {
      await scope.rollback();
      if (isLastTry || !database.dialect.isContention(error)) throw error;
      return undefined;
    }
    return this.runNew(scope, key, dedup, token, work);
  }

  private async runNew<T>(
    scope: GuardedScope,
    key: IdempotentKey,
    dedup: DedupKey,
    token: Buffer,
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<IdempotentResult<T>> {
    const { database } = this.deps.connections;
    let result: T;
    try {
      result = await scope.run(() => this.noting(scope, key, () => work(scope.manager)));
      await scope.beforeCommit();
      scope.throwIfDoomed();
      const witness = await recordResult(database, scope.own, dedup, {
        token,
        result: encodeResult(result, key),
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
      if (scope.session.autocommitSeen || (scope.session.endedWithin && (await this.isDurable(dedup, token))))
        throw torn(key, error);
      throw error;
    }
    try {
      await scope.commit();
    } catch (cause) {
      if (database.dialect.engine === 'sqlite') throw cause;
      throw new CommitUnknownError(
        `${describeKey(key)}: COMMIT got no answer. Call again: if it did commit, that finds out.`,
        { cause },
      );
    }
    return { executed: true, result };
  }

  /** As a nested transaction, so that a failure which the outer code swallows leaves no dedup row behind. */
  private async runWithin<T>(
    scope: AmbientScope,
    key: IdempotentKey,
    bizId: Buffer,
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<IdempotentResult<T>> {
    const { database } = this.deps.connections;
    const runner = scope.manager.queryRunner as QueryRunner & Connection;
    const dedup = {
      scenarioId: await this.deps.scenarios.idWithin(runner, namedScenario(key.scenario)),
      bizId,
    };
    if (this.inProgress.get(scope)?.has(describeKey(key))) {
      throw new DedupKeyInProgressError(
        `${describeKey(key)} is run again inside of its own work, whose dedup row is not committed yet. Run it once, or give the inner work a scenario of its own.`,
      );
    }
    return scope.manager.transaction(async (manager) => {
      const token = randomBytes(16);
      if (!(await insertDedup(database, runner, dedup, { token, ...NO_DELIVERY }))) {
        const row = await readDedup(database, runner, dedup);
        if (!row) throw new ScopeDoomedError(`${describeKey(key)}: its dedup row is gone again; try again.`);
        return storedResult<T>(row, key);
      }
      const result = await this.noting(scope, key, () => work(manager));
      await recordResult(database, runner, dedup, { token, result: encodeResult(result, key) });
      return { executed: true, result };
    });
  }

  private async noting<T>(scope: AmbientScope, key: IdempotentKey, work: () => Promise<T>): Promise<T> {
    const keys = this.inProgress.get(scope) ?? new Set<string>();
    this.inProgress.set(scope, keys.add(describeKey(key)));
    try {
      return await work();
    } finally {
      keys.delete(describeKey(key));
    }
  }

  private async isDurable(dedup: DedupKey, token: Buffer): Promise<boolean> {
    const { connections } = this.deps;
    const row = await connections.control((on) => readDedup(connections.database, on, dedup));
    return row?.token.equals(token) ?? false;
  }
}

/** An executor's row without a result was committed by the work itself, which then didn't come to its end. */
function storedResult<T>(row: DedupRow, key: IdempotentKey): IdempotentResult<T> {
  // A consumer that shares the scenario stores no result.
  if (row.result === null && row.seq === NO_DELIVERY.seq) throw torn(key);
  const result = !row.result?.length ? undefined : (JSON.parse(row.result.toString('utf8')) as unknown);
  return { executed: false, result: result as T };
}

function encodeResult(result: unknown, key: IdempotentKey): Buffer {
  if (result === undefined) return UNDEFINED;
  const json = jsonOf(result);
  if (json === undefined) {
    throw new InvalidOptionError(
      `The result of ${describeKey(key)}`,
      result,
      'something that JSON can carry',
    );
  }
  return Buffer.from(json, 'utf8');
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // A BigInt, a cycle, or a toJSON() that throws.
    return undefined;
  }
}

function torn(key: IdempotentKey, cause?: unknown): ScopeTornError {
  return new ScopeTornError(
    `${describeKey(key)} committed by itself (DDL, COMMIT, SET autocommit, or a procedure that does) and did not finish: ` +
      'part of its effect may be durable, so it is not run again. Put its effect right by hand, then delete its dedup row.',
    { cause },
  );
}

function describeKey({ scenario, bizId }: IdempotentKey): string {
  return `biz-id ${bizId} of scenario ${scenario}`;
}
