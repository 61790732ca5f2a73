import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, type PayloadOf, defineTopic } from '../../../src/index.js';
import type { TestApp } from '../../support/app.js';

/** A message that carries whatever a test wants to see again. */
export interface Anything {
  id: string;
  value?: unknown;
}

export const AnythingSent = defineTopic<Anything>({ name: 'anything.sent', bizId: ({ id }) => id });

/** Keeps what handlers get. */
@Injectable()
export class Collector {
  readonly payloads = new Map<string, Anything>();
  readonly headers = new Map<string, ReadonlyMap<string, string>>();

  @IdempotentConsumer(AnythingSent, { group: 'collector' })
  collect(payload: PayloadOf<typeof AnythingSent>, { bizId, headers }: DeliveryContext) {
    this.payloads.set(bizId, payload);
    this.headers.set(bizId, headers);
  }
}

/** Publishes the values in one transaction, and answers what the handler got of each, in that order. */
export async function sendAndCollect(app: TestApp, prefix: string, values: readonly unknown[]) {
  const messages = values.map((value, i) => ({ id: `${prefix}-${i}`, value }));
  await app.dataSource.transaction((manager) => app.outbox.publishAll(AnythingSent, messages, { manager }));
  await app.events('acknowledged', messages.length, ({ bizId }) => bizId.startsWith(`${prefix}-`));
  const { payloads } = app.nest.get(Collector);
  return messages.map(({ id }) => payloads.get(id)?.value);
}

/** How many rows each table holds that a publish writes to. */
export async function publishedRows(app: TestApp): Promise<Record<string, number>> {
  const count = async (on: EntityManager, table: string) => {
    const [row] = await on.query(`SELECT COUNT(*) AS n FROM mq_${table}`);
    return Number(row.n);
  };
  // A transaction, because a session with autocommit off would show what it saw before.
  return app.dataSource.transaction(async (on) => ({
    message: await count(on, 'message'),
    delivery: await count(on, 'delivery'),
    parked: await count(on, 'parked'),
  }));
}

export const NOTHING = { message: 0, delivery: 0, parked: 0 };
