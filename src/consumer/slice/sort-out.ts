import { markDone, readDedup, takeBackDedups } from '../../storage/index.js';
import type { DedupMark } from '../../transaction/index.js';
import type { AckPath } from '../ack-path.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { HeldDelivery } from '../held-delivery.js';
import type { Outcome } from '../outcome.js';
import { type DedupOrigin, isOwnRow, tornError } from '../torn.js';

/** How far a delivery had come when the transaction that it shared was broken from within. */
export type Progress =
  /** Its handler had not been called. */
  | 'untouched'
  /** Its handler had been called. */
  | 'begun'
  /** Its handler had ended before anything had ended the transaction. */
  | 'whole';

export interface Broken {
  held: HeldDelivery;
  origin: DedupOrigin;
  bizId: Buffer;
  progress: Progress;
}

/**
 * One of the handlers has committed by itself, or may have within a procedure, and then something failed: what had been
 * written until then is durable, with the dedup rows of all. Whoever was through by then has had its effect; who had not
 * begun has none, and its dedup row must go; of the others nobody knows.
 *
 * @param isDurable whether something is for certain; else a row that is there says so
 * @returns what became of each; who is missing is to be run alone
 */
export async function sortOut(
  deps: ConsumptionDeps,
  path: AckPath,
  { mark, name, cause, isDurable }: { mark: DedupMark; name: string; cause: unknown; isDurable: boolean },
  all: readonly Broken[],
): Promise<Map<HeldDelivery, Outcome>> {
  const outcomes = new Map<HeldDelivery, Outcome>();
  const torn: Outcome = { kind: 'torn', error: tornError(name, cause) };
  for (const one of all) {
    const outcome =
      one.progress === 'begun' && isDurable
        ? torn
        : await standingOf(deps, path, { mark, torn }, one).catch(
            (error: unknown) => ({ kind: 'not-run', error }) as const,
          );
    if (outcome) outcomes.set(one.held, outcome);
  }
  return outcomes;
}

/** @returns undefined where it may be run alone */
async function standingOf(
  { connections, transport }: ConsumptionDeps,
  path: AckPath,
  { mark, torn }: { mark: DedupMark; torn: Outcome },
  { held, origin, bizId, progress }: Broken,
): Promise<Outcome | undefined> {
  const { database } = connections;
  const key = { scenarioId: mark.scenarioId, bizId };
  const rows = { scenarioId: mark.scenarioId, bizIds: [bizId] };
  const row = await connections.control((on) => readDedup(database, on, key));
  const isThere = row !== undefined && isOwnRow(row, origin) && mark.isOn(row);
  if (!isThere) return undefined;
  if (progress === 'begun') return torn;
  if (progress === 'untouched') {
    await connections.control((on) => takeBackDedups(database, on, { ...rows, token: row.token }));
    return undefined;
  }
  if (transport.colocated) {
    return (await transport.acknowledge(held.claimed)) ? { kind: 'done' } : { kind: 'lease-lost' };
  }
  await connections.control((on) => markDone(database, on, key, row.token));
  return path.afterCommit(held);
}
