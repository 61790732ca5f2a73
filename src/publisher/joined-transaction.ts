import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import {
  InvalidOptionError,
  type PublishCall,
  TransactionEndedError,
  TransactionRequiredError,
} from '../errors/index.js';
import { appDataSourceOf } from '../storage/index.js';
import { currentScope } from '../transaction/index.js';

export interface JoinOptions {
  /** For messages. */
  call?: PublishCall;
  dataSource: DataSource;
  /** Finds the ambient transaction of another library. */
  currentManager?: (() => EntityManager | undefined) | undefined;
}

/**
 * The runner of the transaction that a publish joins: that of the manager given, else of the scope of this library that
 * the code runs in, else of the one that `currentManager` finds. A plain `dataSource.transaction` is none of these.
 *
 * @throws TransactionRequiredError when there is none
 * @throws TransactionEndedError when it is over
 */
export function joinedRunner(manager: EntityManager | undefined, options: JoinOptions): QueryRunner {
  if (manager !== undefined) return activeRunner(manager, 'the manager given', options);
  const scope = currentScope();
  if (scope?.dataSource === options.dataSource) {
    if (scope.over)
      throw new TransactionEndedError(`${scope.name} is over (${scope.over})`, {}, options.call);
    return activeRunner(scope.manager, scope.name, options);
  }
  const found = options.currentManager?.();
  if (found) return activeRunner(found, 'the manager that currentManager() found', options);
  throw new TransactionRequiredError(
    scope
      ? `no manager was given, and the transaction that the code runs in, that of ${scope.name}, is of another DataSource than the one that this publisher was set up with (another instance of the module?): the two can't commit together`
      : 'no manager was given, and the code runs in no transaction that is known here',
    options.call,
  );
}

function activeRunner(
  manager: EntityManager,
  what: string,
  { dataSource, call = 'publish' }: JoinOptions,
): QueryRunner {
  if (typeof manager !== 'object' || manager === null || typeof manager.transaction !== 'function') {
    throw new InvalidOptionError(`${call}({ manager })`, manager, 'an EntityManager of TypeORM');
  }
  const runner = manager.queryRunner;
  if (!runner) {
    throw new TransactionRequiredError(`${what} is not a transaction's, but the DataSource's own`, call);
  }
  // By their drivers: an app may have wrapped its DataSource in a proxy.
  if (appDataSourceOf(runner.dataSource).driver !== dataSource.driver) {
    throw new TransactionRequiredError(
      `${what} belongs to another DataSource than the one that this publisher was set up with ` +
        '(for that one: IdempotentMqModule.forRoot({ dataSource }), or an instance beside this one, ' +
        'forRoot({ name, dataSource }) and @InjectOutboxPublisher(name))',
      call,
    );
  }
  const scope = currentScope();
  if (scope?.manager === manager && scope.over) {
    throw new TransactionEndedError(`${scope.name} is over (${scope.over})`, {}, call);
  }
  if (runner.isReleased) {
    throw new TransactionEndedError(`the transaction of ${what} has committed or rolled back`, {}, call);
  }
  if (!runner.isTransactionActive) throw new TransactionRequiredError(`${what} is in no transaction`, call);
  return runner;
}
