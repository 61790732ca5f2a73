import type { StageEvent } from './reporter.js';

const TROUBLES = 10;

/** Adds up what the systems say about themselves. A killed one may take its last words with it. */
export class Tally {
  published = 0;
  /** Messages that a relay sent once more. */
  resent = 0;
  resendsAbsorbed = 0;
  /** Messages that the broker stored although it had stored them before. */
  landedTwice = 0;
  delivered = 0;
  redelivered = 0;
  duplicatesAbsorbed = 0;
  /** On purpose. */
  acks3Dropped = 0;
  /** On purpose; or the answer, without which nobody knows of it either. */
  acks5Dropped = 0;
  /** The last errors that any of them met, for a run that goes wrong. */
  readonly troubles: string[] = [];
  private readonly landed = new Set<string>();

  add(event: StageEvent): void {
    if (event.type === 'published') this.published += event.count;
    if (event.type === 'sent' && event.sends > 1) this.resent++;
    if (event.type === 'resend-absorbed') this.resendsAbsorbed++;
    if (event.type === 'landed') this.land(event.innerMsgId);
    if (event.type === 'delivered') this.delivered++;
    if (event.type === 'delivered' && event.redelivered) this.redelivered++;
    if (event.type === 'duplicate-absorbed') this.duplicatesAbsorbed++;
    if (event.type === 'acks-3-dropped') this.acks3Dropped += event.count;
    if (event.type === 'ack-5-dropped' || event.type === 'ack-5-answer-dropped') this.acks5Dropped++;
    if ('error' in event) this.troubles.push(`${event.type}: ${event.error}`);
    if (this.troubles.length > TROUBLES) this.troubles.shift();
  }

  private land(innerMsgId: string): void {
    if (this.landed.has(innerMsgId)) this.landedTwice++;
    this.landed.add(innerMsgId);
  }
}
