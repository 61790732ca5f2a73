import { Injectable } from '@nestjs/common';
import { BrokerService, IdempotentMqEvents } from '../../src/index.js';

// #region operating
@Injectable()
export class Operating {
  readonly counts = new Map<string, number>(); // for your metrics

  constructor(
    private readonly broker: BrokerService,
    { events$ }: IdempotentMqEvents,
  ) {
    events$.subscribe(({ type }) => this.counts.set(type, (this.counts.get(type) ?? 0) + 1));
  }

  /** While the printer is repaired, in every process; what comes is kept. */
  async closeCardPrinting(): Promise<void> {
    await this.broker.groups.pause({ group: 'gold-cards' });
  }

  async reopenCardPrinting(): Promise<void> {
    await this.broker.deadLetters.requeue({ group: 'gold-cards', reason: 'failed' });
    await this.broker.groups.resume({ group: 'gold-cards' });
  }

  /** It takes two jobs at a time, and the refill of its tray is slow. All processes together keep to it. */
  async sparePrinter(): Promise<void> {
    await this.broker.groups.limit({ group: 'gold-cards' }, { concurrency: 2, perSecond: 0.5 });
  }

  /** For good. */
  async forgetRejected(): Promise<number> {
    return this.broker.deadLetters.purge({ group: 'gold-cards', reason: 'rejected' });
  }
}
// #endregion
