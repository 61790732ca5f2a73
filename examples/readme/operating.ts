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

  /** After the cause was mended. */
  async requeueFailed(): Promise<void> {
    for (const letter of await this.broker.deadLetters.list({ limit: 1000 })) {
      if (letter.reason === 'failed') await this.broker.deadLetters.requeue(letter);
    }
  }
}
// #endregion
