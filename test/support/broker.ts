import { randomBytes } from 'node:crypto';
import { defineTopic } from '../../src/index.js';
import { type AppParts, type TestApp, startApp } from './app.js';
import type { TestDatabase } from './engines.js';

/** The topic of the tests that look at the broker alone. */
export interface Order {
  orderId: string;
}

export const OrderPlaced = defineTopic<Order>({ name: 'order.placed', bizId: (order) => order.orderId });

/** An app that neither consumes nor sweeps by itself: its broker does only what a test asks for. */
export function startBroker(database: TestDatabase, parts: AppParts = {}): Promise<TestApp> {
  return startApp(database, { ...parts, options: { roles: { sweep: false }, ...parts.options } });
}

/** `prefix-1` to `prefix-n` */
export function numbered(count: number, prefix = 'O'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);
}

export async function publishOrders(app: TestApp, orderIds: readonly string[]): Promise<void> {
  const orders = orderIds.map((orderId) => ({ orderId }));
  await app.outbox.publishAll(OrderPlaced, orders, { standalone: true });
}

/** Under an ordering key, in one transaction. */
export async function publishUnder(
  app: Pick<TestApp, 'outbox'>,
  orderingKey: string,
  orderIds: readonly string[],
): Promise<void> {
  const orders = orderIds.map((orderId) => ({ orderId }));
  await app.outbox.publishAll(OrderPlaced, orders, { standalone: true, orderingKey });
}

export function subscribe(app: TestApp, group: string, topic = OrderPlaced.name) {
  return app.broker.subscribe({ topic, group, version: 1 });
}

export type Subscribed = Awaited<ReturnType<typeof subscribe>>;
export type Leased = Awaited<ReturnType<TestApp['broker']['claim']>>['deliveries'][number];

export const MINUTE_MS = 60_000;

/** One claim of a claimer of its own. */
export function claim(
  app: TestApp,
  subscription: Subscribed,
  { after = 0, limit = 100, leaseMs = MINUTE_MS } = {},
) {
  return app.broker.claim({ subscription, claimId: randomBytes(16), after, limit, leaseMs });
}

const FIRST_KEY = Buffer.alloc(0);

/** One claim that also asks for what has an ordering key, all of the keys unless it is told otherwise. */
export function claimKeyed(
  app: Pick<TestApp, 'broker'>,
  subscription: Subscribed,
  { limit = 100, leaseMs = MINUTE_MS, from = '', first = true } = {},
) {
  const keys = { after: Buffer.from(from), until: from ? Buffer.from(from) : FIRST_KEY, first };
  return app.broker.claim({ subscription, claimId: randomBytes(16), after: 0, limit, leaseMs, keys });
}

export function claimAlone(
  app: TestApp,
  subscription: Subscribed,
  seq: number,
  leaseMs = MINUTE_MS,
  orderingKey?: string,
) {
  const suspect = { seq, orderingKey: orderingKey === undefined ? undefined : Buffer.from(orderingKey) };
  return app.broker.claimAlone({ subscription, claimId: randomBytes(16), ...suspect, leaseMs });
}

export function bizIds(deliveries: readonly Leased[]): string[] {
  return deliveries.map(({ bizId }) => bizId.toString());
}

/** A name for this delivery that its holder had before somebody else got it. */
export function stale(delivery: Leased): Leased {
  return { ...delivery, token: randomBytes(16) };
}

/** The attempt as its record stands now: what a holder passes on when it changes nothing of it. */
export function recordOf({ failures, lostLeases, errors }: Leased) {
  return { failures, lostLeases, errors };
}
