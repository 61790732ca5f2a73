import { InvalidOptionError } from '../errors/index.js';
import type { DeadLetterReason } from '../events/index.js';
import type { DeadLetterCondition, DeadLetterKey } from '../storage/index.js';
import { refuseUnknownKeys } from './refuse-unknown-keys.js';

/** Each part that is given must be met. */
export interface DeadLetterFilter {
  topic?: string;
  group?: string;
  reason?: DeadLetterReason;
  bizId?: string;
  /** Dead since then or longer: `letter.deadAt` finds that letter too. */
  deadUntil?: Date;
}

/** An id, a dead letter, an array of such, or a filter, which must not be empty. */
export type DeadLetterSelector =
  string | { id: string } | readonly (string | { id: string })[] | DeadLetterFilter;

const TEXTS = ['topic', 'group', 'reason', 'bizId'] as const;
const KNOWN: readonly string[] = [...TEXTS, 'deadUntil'];
/** A record, so that a reason that is left out doesn't compile. */
const REASONS: Record<DeadLetterReason, true> = {
  failed: true,
  rejected: true,
  torn: true,
  'process-lost': true,
  expired: true,
  unrouted: true,
  'too-old-to-judge': true,
  'biz-id-conflict': true,
};

/** @throws InvalidOptionError naming what came: an operator's mistake must not touch every dead letter there is */
export function resolveSelector(call: string, which: DeadLetterSelector): DeadLetterCondition {
  if (typeof which === 'string') return { keys: [keyOf(call, which)] };
  if (Array.isArray(which)) return { keys: which.map((one: unknown) => keyOf(call, idIn(one))) };
  if (typeof which !== 'object' || which === null) {
    throw new InvalidOptionError(
      `${call}(which)`,
      which,
      'an id, a dead letter, an array of such, or a filter',
    );
  }
  if ('id' in which) return { keys: [keyOf(call, which.id)] };
  if (Object.values(which).every((value) => value === undefined)) {
    throw new InvalidOptionError(
      `${call}(filter)`,
      which,
      `a filter with one at least of ${KNOWN.join(', ')}`,
    );
  }
  return resolveFilter(call, which as DeadLetterFilter);
}

/**
 * @param beside keys that the call takes beside the filter
 * @throws InvalidOptionError naming what came, and what is known
 */
export function resolveFilter(
  call: string,
  filter: DeadLetterFilter,
  beside: readonly string[] = [],
): DeadLetterCondition {
  refuseUnknownKeys(call, filter, [...KNOWN, ...beside]);
  for (const key of TEXTS) {
    const value: unknown = filter[key];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidOptionError(`${call}({ ${key} })`, value, 'a non-empty string');
    }
  }
  const { deadUntil, ...texts } = filter;
  if (texts.reason !== undefined && !Object.hasOwn(REASONS, texts.reason)) {
    const known = Object.keys(REASONS).join(', ');
    throw new InvalidOptionError(`${call}({ reason })`, texts.reason, `one of ${known}`);
  }
  if (deadUntil === undefined) return texts;
  if (!(deadUntil instanceof Date) || Number.isNaN(deadUntil.getTime())) {
    throw new InvalidOptionError(`${call}({ deadUntil })`, deadUntil, 'a valid Date');
  }
  // To the end of its millisecond, of which a Date keeps no more than that.
  return { ...texts, deadUntil: deadUntil.getTime() * 1000 + 999 };
}

export function idOf({ subscriptionId, seq }: DeadLetterKey): string {
  return `${subscriptionId}-${seq}`;
}

/** An id stands for itself; of a dead letter it is a part. */
function idIn(one: unknown): unknown {
  return typeof one === 'object' && one !== null && 'id' in one ? one.id : one;
}

const ID = /^(\d{1,10})-(\d{1,16})$/;

export function keyOf(call: string, id: unknown): DeadLetterKey {
  const [, subscriptionId, seq] = (typeof id === 'string' && ID.exec(id)) || [];
  if (seq === undefined) {
    throw new InvalidOptionError(`${call}(id)`, id, "the id of a dead letter, such as '3-1024'");
  }
  return { subscriptionId: Number(subscriptionId), seq: Number(seq) };
}

export function positionOf({ deadAt, ...key }: DeadLetterKey & { deadAt: number }): string {
  return `${deadAt}-${idOf(key)}`;
}

const POSITION = /^(\d{1,16})-(\d{1,10}-\d{1,16})$/;

export function resolvePosition(position: unknown): DeadLetterKey & { deadAt: number } {
  const [, deadAt, id] = (typeof position === 'string' && POSITION.exec(position)) || [];
  if (id === undefined) {
    throw new InvalidOptionError('deadLetters.list({ after })', position, 'the position of a dead letter');
  }
  return { deadAt: Number(deadAt), ...keyOf('deadLetters.list', id) };
}
