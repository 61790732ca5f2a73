import type { BrokerIdentity, Unfinished } from '../../transport/port.js';

/** What a source said when it was asked what can still come of it. */
export interface SourceAnswer {
  readonly topic: string;
  readonly group: string;
  readonly answer: BrokerIdentity & Unfinished;
}

export interface Watermark {
  /**
   * Whatever lands or comes from now on has landed after this, but for what waits and is known by name. Microseconds since
   * 1970 UTC by the own database's clock; 0: nothing can be said.
   */
  readonly at: number;
  /** What keeps it from being the slack ago; undefined: nothing does. */
  readonly heldBackBy: { topic: string; group: string; by: 'oldest' | 'waiting' } | undefined;
}

/**
 * How far back a message may have landed that can still come. Messages that wait (for their time, as dead letters, parked,
 * quarantined) hold it back only where they are too many to be known by name: one that is scheduled for next year must
 * not pin everything.
 *
 * @param askedAt the own database's clock before the sources were asked: ages are older by then, never younger
 */
export function watermarkOf(askedAt: number, slackMs: number, answers: readonly SourceAnswer[]): Watermark {
  let watermark: Watermark = { at: askedAt - slackMs * 1000, heldBackBy: undefined };
  for (const { topic, group, answer } of answers) {
    for (const [by, landedAt] of [
      ['oldest', answer.oldest],
      ['waiting', answer.next],
    ] as const) {
      if (landedAt === undefined) continue;
      const at = landedAt === 0 ? 0 : Math.max(0, askedAt - (answer.now - landedAt));
      if (at < watermark.at) watermark = { at, heldBackBy: { topic, group, by } };
    }
  }
  return watermark;
}

/**
 * A time of the own database by the broker's clock, so that a delivery is judged by the very time that the broker gave it,
 * whatever the two clocks do meanwhile. It is rounded down to what a delivery's time is given in.
 */
export function byBrokersClock(at: number, askedAt: number, brokersNow: number): number {
  return wholeMillisecond(brokersNow - (askedAt - at));
}

/** Microseconds of the millisecond that this time is in: a delivery knows its landing time no better. */
export function wholeMillisecond(at: number): number {
  return Math.floor(at / 1000) * 1000;
}
