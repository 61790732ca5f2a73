import { send, sent } from '../../relay/parts.js';
import type { TestApp } from '../../support/app.js';
import { type Subscribed, claim, publishOrders, recordOf } from '../../support/broker.js';

export interface Death {
  reason?: string;
  errors?: readonly string[];
  failures?: number;
}

/** Published, and dead in one group. */
export async function die(
  app: TestApp,
  group: Subscribed,
  orderIds: readonly string[],
  { reason = 'failed', errors = ['no card left'], failures = 3 }: Death = {},
): Promise<void> {
  await publishOrders(app, orderIds);
  const { deliveries } = await claim(app, group, { limit: 1_000 });
  const history = errors.map((error, i) => ({
    at: new Date(Date.UTC(2026, 0, 1, 3, i)).toISOString(),
    error,
  }));
  for (const delivery of deliveries) {
    const record = { ...recordOf(delivery), failures, errors: Buffer.from(JSON.stringify(history)) };
    await app.broker.deadLetter(delivery, record, reason);
  }
}

/** Two messages under one inner-msg-id: the second is kept aside. */
export async function quarantine(app: TestApp, topic: string, bizId: string, body: object): Promise<void> {
  const first = sent(bizId, { topic });
  await send(app.broker, [first]);
  await send(app.broker, [{ ...first, body: Buffer.from(JSON.stringify(body)) }], { claims: 2 });
}
