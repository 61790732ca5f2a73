import { TooOldToJudgeError } from '../errors/index.js';
import { type Connection, type Database, type DedupKey, readMark } from '../storage/index.js';
import type { HeldDelivery } from './held-delivery.js';
import type { DedupOrigin } from './torn.js';

/**
 * Nothing younger is looked at: half of the least that `retention.slackMs` may be, so that no process, whatever its own
 * slack, has forgotten anything that a younger message could need. Milliseconds.
 */
export const JUDGED_FROM_MS = 30 * 60 * 1000;

/**
 * Whether a delivery that found no dedup row may be taken for the first of its biz-id. Not where it landed before the
 * mark up to which rows may be gone, unless its biz-id was kept for it. Asked after its own row is in.
 *
 * @returns why it can't be told
 */
export async function findTooOld(
  database: Database,
  on: Connection,
  { scenarioId, bizId }: DedupKey,
  held: HeldDelivery,
  { sourceId }: DedupOrigin,
): Promise<TooOldToJudgeError | undefined> {
  if (held.ageMs < JUDGED_FROM_MS) return undefined;
  const { landedAt } = held.claimed;
  const landed = landedAtOf({ held });
  const of = { scenarioId, sourceId, bizId, landedAt: landed };
  const { mark, sourceMark, kept } = await readMark(database, on, of);
  if (mark === undefined || kept) return undefined;
  if (sourceMark !== undefined && landed >= sourceMark) return undefined;
  return new TooOldToJudgeError(held.bizId, { ageMs: held.ageMs, landedAt, mark: new Date(mark / 1000) });
}

/**
 * Whether one of several of one subscription may be too old. Told from the one that landed first, in one statement: where
 * it is not, none of them is.
 */
export async function isAnyTooOld(
  database: Database,
  on: Connection,
  scenarioId: number,
  members: readonly { held: HeldDelivery; origin: DedupOrigin }[],
): Promise<boolean> {
  const old = members.filter(({ held }) => held.ageMs >= JUDGED_FROM_MS);
  const [first] = old.sort((one, other) => landedAtOf(one) - landedAtOf(other));
  if (!first) return false;
  const { sourceId } = first.origin;
  const landedAt = landedAtOf(first);
  const of = { scenarioId, sourceId, bizId: first.held.claimed.bizId, landedAt };
  const { mark, sourceMark } = await readMark(database, on, of);
  return mark !== undefined && !(sourceMark !== undefined && landedAt >= sourceMark);
}

/** In microseconds. */
function landedAtOf({ held }: { held: HeldDelivery }): number {
  return held.claimed.landedAt.getTime() * 1000;
}
