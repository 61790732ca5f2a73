import type { StageEvent } from './reporter.js';

const TROUBLES = 10;

/** Adds up what the systems say about themselves. A killed one may take its last words with it. */
export class Tally {
  published = 0;
  /** Messages that a relay sent once more. */
  resent = 0;
  resendsAbsorbed = 0;
  delivered = 0;
  redelivered = 0;
  duplicatesAbsorbed = 0;
  /** On purpose. */
  readonly acksDropped = { 3: 0, 5: 0 };
  /** The last errors that any of them met, for a run that goes wrong. */
  readonly troubles: string[] = [];

  add(event: StageEvent): void {
    if (event.type === 'published') this.published += event.count;
    if (event.type === 'sent' && event.sends > 1) this.resent++;
    if (event.type === 'resend-absorbed') this.resendsAbsorbed++;
    if (event.type === 'delivered') this.delivered++;
    if (event.type === 'delivered' && event.redelivered) this.redelivered++;
    if (event.type === 'duplicate-absorbed') this.duplicatesAbsorbed++;
    if (event.type === 'ack-dropped') this.acksDropped[event.step] += event.count;
    if ('error' in event) this.troubles.push(`${event.type}: ${event.error}`);
    if (this.troubles.length > TROUBLES) this.troubles.shift();
  }
}
