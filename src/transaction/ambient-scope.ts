import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager } from 'typeorm';
import type { ScopeDelivery } from '../storage/index.js';

/** The transaction that the running code is in, as far as this library knows. */
export interface AmbientScope {
  /** For messages: what runs here, `group card-issuing of topic payment.succeeded`, say. */
  readonly name: string;
  /** The very object with which the scope was asked for. */
  readonly delivery: ScopeDelivery | undefined;
  readonly manager: EntityManager;
  /** The app's DataSource that the scope's manager stands for. */
  readonly dataSource: DataSource;
  /** Aborts when what runs here has to stop. */
  readonly signal: AbortSignal;
  /** Why the scope takes no more statements; undefined while it does. */
  readonly over: string | undefined;
  /** For an error that its handler gets, and may not wait for: that must not end the process. @returns the error */
  handOver<E>(error: E): E;
}

interface Ambient {
  scope: AmbientScope | undefined;
  /** The work that was run in it has ended: what goes on has been left behind. */
  isOver?: boolean;
}

/** One for the process, whichever copy of the library (ESM or CommonJS) asks. */
function storage(): AsyncLocalStorage<Ambient> {
  const key = Symbol.for('nestjs-idempotent-mq.ambient-scope');
  const store = globalThis as { [key: symbol]: AsyncLocalStorage<Ambient> | undefined };
  return (store[key] ??= new AsyncLocalStorage());
}

export function currentScope(): AmbientScope | undefined {
  return storage().getStore()?.scope;
}

export async function runInScope<T>(scope: AmbientScope, work: () => Promise<T>): Promise<T> {
  const ambient: Ambient = { scope };
  try {
    return await storage().run(ambient, work);
  } finally {
    ambient.isOver = true;
  }
}

/** Whether the running code was left behind by work that has ended. */
export function ranBefore(): boolean {
  return storage().getStore()?.isOver ?? false;
}

/**
 * The manager of the transaction that the running code is in: that of the delivery being handled, or of
 * `IdempotentExecutor.run`. Undefined outside of both. For services that handlers call.
 */
export function ambientManager(): EntityManager | undefined {
  return currentScope()?.manager;
}

/**
 * Runs work that is meant to stand outside of the delivery's transaction: there the app's DataSource may be used, and
 * nothing is undone or held back when the delivery fails.
 */
export function outsideTransaction<T>(work: () => T): T {
  return storage().run({ scope: undefined }, work);
}
