import type { IdempotentMqEvent } from '../../events/index.js';
import type { Absorbed, StepRates } from '../wire.js';
import { Rates } from './rates.js';

/** What passes along each of the six arrows in this process, from its events. */
export class StepCounts {
  private readonly rates: Rates;

  constructor(nowMs?: () => number) {
    this.rates = new Rates(nowMs);
  }

  note(event: IdempotentMqEvent): void {
    switch (event.type) {
      case 'published':
      case 'relayed':
      case 'message-dropped':
        return this.rates.add(event.type, event.count);
      case 'sent':
        if (event.sends > 1) this.rates.add('sent again');
        return this.rates.add('sent');
      case 'landed':
      case 'resend-absorbed':
        return this.rates.add(event.type);
      case 'delivered':
        return this.ofGroup('delivered', event);
      case 'acknowledged':
        return this.ofGroup('acknowledged', event);
      case 'duplicate-absorbed':
        this.rates.add('duplicate-absorbed');
        return this.ofGroup('acknowledged', event);
      case 'retry-scheduled':
        // Asked for, and no failure.
        if (event.requested) return;
        return this.rates.add(nameOf('failed', event));
      case 'dead-lettered':
        return this.rates.add(nameOf('failed', event));
      default:
    }
  }

  /** @param hasRelay where it has none, a publish lands in the publisher's own transaction, and its COMMIT is the ACK */
  steps(hasRelay: boolean): StepRates {
    const { rates } = this;
    const published = rates.perSecond('published');
    return {
      send: hasRelay ? rates.perSecond('sent') : published,
      land: hasRelay ? rates.perSecond('landed') : published,
      confirm: hasRelay ? rates.perSecond('relayed') : published,
      deliver: rates.perSecond('delivered'),
      acknowledge: rates.perSecond('acknowledged'),
      drop: rates.perSecond('message-dropped'),
    };
  }

  get absorbed(): Absorbed {
    return {
      resends: this.rates.total('resend-absorbed'),
      duplicates: this.rates.total('duplicate-absorbed'),
    };
  }

  get sends(): { all: number; again: number } {
    return { all: this.rates.total('sent'), again: this.rates.total('sent again') };
  }

  group(topic: string, group: string): { delivered: number; acknowledged: number; failed: number } {
    const of = (what: string) => this.rates.perSecond(nameOf(what, { topic, group }));
    return { delivered: of('delivered'), acknowledged: of('acknowledged'), failed: of('failed') };
  }

  private ofGroup(what: string, whose: { topic: string; group: string }): void {
    this.rates.add(what);
    this.rates.add(nameOf(what, whose));
  }
}

/** Names of topics and groups have no spaces. */
function nameOf(what: string, { topic, group }: { topic: string; group: string }): string {
  return `${what} ${topic} ${group}`;
}
