import { AsyncLocalStorage } from 'node:async_hooks';
import { outsideTransaction } from './ambient-scope.js';

/** Of the moment when the library is loaded, which an app does before it runs anything in a store of its own. */
const atLoad = AsyncLocalStorage.snapshot();

/**
 * Runs work that outlives its caller, and belongs to nobody who happened to start it: no `AsyncLocalStorage` of the app (a
 * request's, a tenant's, a transaction of another library) has a store in it.
 */
export function inCleanContext<T>(work: () => T): T {
  return atLoad(() => outsideTransaction(work));
}
