import type { Database, DedupKey } from '../storage/index.js';
import type { AmbientScope } from '../transaction/index.js';

/** The keys whose dedup rows each transaction has inserted, for work that it has not finished. */
const underWay = new WeakMap<AmbientScope, Set<string>>();

/** @returns how to take it back */
export function noteUnderWay(scope: AmbientScope, database: Database, key: DedupKey): () => void {
  const keys = underWay.get(scope) ?? new Set();
  underWay.set(scope, keys.add(nameOf(database, key)));
  return () => void keys.delete(nameOf(database, key));
}

/** Whether the dedup row there is that of unfinished work around the running code, which no other row looks like. */
export function isUnderWay(scope: AmbientScope, database: Database, key: DedupKey): boolean {
  return underWay.get(scope)?.has(nameOf(database, key)) ?? false;
}

/** With the table, because instances of the module with prefixes of their own may share a transaction. */
function nameOf({ tables }: Database, { scenarioId, bizId }: DedupKey): string {
  return `${tables.dedup} ${scenarioId} ${bizId.toString('hex')}`;
}
