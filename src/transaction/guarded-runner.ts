import type { EntityManager, QueryRunner } from 'typeorm';

/** On the runner of a scope, under a name that the ESM and the CommonJS copy of the library share. */
const GUARDED: unique symbol = Symbol.for('nestjs-idempotent-mq.guarded');

interface GuardedRunner {
  [GUARDED]: (cause: unknown) => void;
}

/** TypeORM's runner with the parts of it that a scope sets itself. */
export interface GuardableRunner extends Omit<QueryRunner, 'isTransactionActive' | 'broadcaster'> {
  isTransactionActive: boolean;
  transactionDepth: number;
  broadcaster: { broadcast(event: string): Promise<void> };
}

/** Whether a scope answers for what is sent on this runner, and for what is left running there. */
export function isGuarded(runner: object): runner is GuardedRunner {
  return GUARDED in runner;
}

export function markGuarded(runner: object, doom: (cause: unknown) => void): void {
  (runner as GuardedRunner)[GUARDED] = doom;
}

/** Makes the scope of this runner unable to commit. */
export function doomScopeOf(runner: GuardedRunner, cause: unknown): void {
  runner[GUARDED](cause);
}

/**
 * TypeORM's own `manager.transaction()`, on a runner whose transaction methods are about to be refused to everybody else:
 * it alone may call them.
 */
export function nestedTransactions(runner: GuardableRunner): (...args: unknown[]) => Promise<unknown> {
  const { manager, startTransaction, commitTransaction, rollbackTransaction } = runner;
  const transaction = Reflect.get(manager, 'transaction') as (...args: unknown[]) => Promise<unknown>;
  let nesting: EntityManager | undefined;
  const nestingManager = (): EntityManager => {
    const queryRunner: unknown = Object.create(runner, {
      startTransaction: { value: startTransaction.bind(runner) },
      commitTransaction: { value: commitTransaction.bind(runner) },
      rollbackTransaction: { value: rollbackTransaction.bind(runner) },
      // TypeORM puts any manager that is made for the runner in its place.
      manager: { value: manager },
    });
    return Object.create(manager, { queryRunner: { value: queryRunner } }) as EntityManager;
  };
  // Few handlers nest, and each pays for what is made ahead.
  return (...args) => Reflect.apply(transaction, (nesting ??= nestingManager()), args);
}
