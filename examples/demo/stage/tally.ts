import type { Observable } from 'rxjs';
import type { IdempotentMqEvent } from '../../../src/index.js';

const TROUBLES = 10;

/** Adds up what the systems say about themselves. A killed one may take its last words with it. */
export class Tally {
  /** Messages that the broker took. */
  landed = 0;
  delivered = 0;
  redelivered = 0;
  duplicatesAbsorbed = 0;
  /** The last errors that any of them met, for a run that goes wrong. */
  readonly troubles: string[] = [];

  listen(events$: Observable<IdempotentMqEvent>): void {
    events$.subscribe((event) => this.add(event));
  }

  private add(event: IdempotentMqEvent): void {
    if (event.type === 'published') this.landed += event.count;
    if (event.type === 'delivered') this.delivered++;
    if (event.type === 'delivered' && event.redelivered) this.redelivered++;
    if (event.type === 'duplicate-absorbed') this.duplicatesAbsorbed++;
    if ('error' in event) this.troubles.push(`${event.type}: ${event.error}`);
    if (this.troubles.length > TROUBLES) this.troubles.shift();
  }
}
