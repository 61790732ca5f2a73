import { deadLetterIdOf } from '../broker/index.js';
import { timeOf } from '../publisher/index.js';
import {
  type FoundInOutbox,
  type FoundInQuarantine,
  type GroupRow,
  type MessageHolder,
  type Remembered,
  decodeHistory,
} from '../storage/index.js';
import type { Dead, Done, InOutbox, Quarantined, Stage, Torn } from './story.js';

export function outboxStage(row: FoundInOutbox): InOutbox {
  return {
    stage: 'outbox',
    state: row.isScheduled ? 'scheduled' : row.sends > 0 ? 'sent' : 'waiting',
    publishedAt: new Date(timeOf(row.formerId ?? row.innerMsgId)),
    sends: row.sends,
    firstSentAt: dateOr(row.firstSentAt),
    nextAt: row.availableAt === 0 ? undefined : dateOf(row.availableAt),
  };
}

export function quarantineStage(row: FoundInQuarantine): Quarantined {
  return {
    stage: 'quarantined',
    id: String(row.id),
    reason: row.reason,
    copies: row.copies,
    since: dateOf(row.quarantinedAt),
    decision: row.decision as Quarantined['decision'],
    decidedAt: dateOr(row.decidedAt),
  };
}

/** What a group still has to do about a message. */
export function groupStage(
  { group, paused }: GroupRow,
  holder: MessageHolder,
  ahead: number,
  seq: number,
): Stage {
  const { failures, lostLeases } = holder;
  const tried = { failures, lostLeases, errors: decodeHistory(holder.errors) };
  if (holder.place === 'dead') return deadStage(group, holder, seq);
  if (holder.isLeased && holder.isAhead) {
    const attempt = failures + lostLeases + 1;
    return { stage: 'in-flight', group, ...tried, attempt, leaseUntil: dateOf(holder.at) };
  }
  if (holder.place !== 'waiting' && !holder.isAhead) {
    return { stage: 'ready', group, ...tried, paused, behind: ahead, leaseRanOut: holder.isLeased };
  }
  const nextAt = dateOf(holder.at);
  return failures + lostLeases > 0
    ? { stage: 'retrying', group, ...tried, nextAt }
    : { stage: 'scheduled', group, nextAt };
}

/** @param group undefined: none ever took it */
export function deadStage(group: string | undefined, holder: MessageHolder, seq: number): Dead {
  const { subscriptionId, failures, lostLeases, reason, at } = holder;
  const errors = decodeHistory(holder.errors);
  const id = deadLetterIdOf({ subscriptionId, seq });
  return { stage: 'dead', group, id, reason, since: dateOf(at), failures, lostLeases, errors };
}

/** @param byThis whether it was the very message that is told of */
export function effectStage({ scenario, group, effect }: Remembered, byThis: boolean): Done | Torn {
  const { at, source, isTorn } = effect!;
  const common = { group: byThis ? (source?.group ?? group) : group, scenario, at: dateOf(at) };
  return isTorn ? { stage: 'torn', ...common } : { stage: 'done', ...common, byThis };
}

export function dateOf(microseconds: number): Date {
  return new Date(microseconds / 1000);
}

export function dateOr(microseconds: number | undefined): Date | undefined {
  return microseconds === undefined ? undefined : dateOf(microseconds);
}
