import { Injectable } from '@nestjs/common';
import { BatchContext, DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import type { TestApp } from './app.js';
import { CardRow, PaymentSucceeded } from './cards.js';
import { outboxSize, tableSizes } from './tables.js';
import { until } from './until.js';

/** What the specs of faults have in common: payments, their cards, and the wait until all is through. */

/** From the end of a fault on, on a machine that may be busy. */
const RECOVERS_WITHIN_MS = 60_000;

/** In the order of the alphabet. */
export const paymentIds = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `P-${String(i).padStart(3, '0')}`);

/** A card for each payment, and nothing that gets in the way. */
@Injectable()
export class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
  }
}

/** The same for several at once. */
@Injectable()
export class BatchIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', batch: { max: 6 } })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>[], { manager, group }: BatchContext): Promise<void> {
    await manager.insert(
      CardRow,
      paid.map(({ paymentId }) => ({ paymentId, issuedBy: group })),
    );
  }
}

/** One after the other in one transaction, which that of `commitsAt` commits by itself. */
@Injectable()
export class SharedIssuing {
  static commitsAt: string | undefined;

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', perTransaction: 50, concurrency: 1 })
  async issue(
    { paymentId }: PayloadOf<typeof PaymentSucceeded>,
    { manager, group }: DeliveryContext,
  ): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
    if (SharedIssuing.commitsAt === paymentId) await manager.query('COMMIT');
  }
}

/** The payments that cards were issued for, sorted; one that has two is there twice. */
export async function cardedPayments({ dataSource }: TestApp): Promise<string[]> {
  const cards = await dataSource.getRepository(CardRow).find();
  return cards.map(({ paymentId }) => paymentId).sort();
}

/** Until nothing of any message is left. The database may not answer meanwhile. */
export async function untilAllIsThrough(
  { dataSource, brokerDataSource }: Pick<TestApp, 'dataSource' | 'brokerDataSource'>,
  { log = [], limitMs = RECOVERS_WITHIN_MS }: { log?: readonly string[]; limitMs?: number } = {},
): Promise<void> {
  let left: object | undefined;
  const isThrough = async () => {
    // First the outbox: what leaves it is at the broker by then.
    const outbox = await outboxSize(dataSource).catch(() => undefined);
    const broker = await tableSizes(brokerDataSource).catch(() => undefined);
    left = { outbox, ...broker };
    return outbox === 0 && broker !== undefined && Object.keys(broker).length === 0;
  };
  try {
    await until('everything is through', isThrough, { limitMs, everyMs: 50 });
  } catch (cause) {
    const { message } = cause as Error;
    const lines = log.slice(0, 5).join(' | ');
    throw new Error(`${message}; left: ${JSON.stringify(left)}; log: ${lines}`, { cause });
  }
}
