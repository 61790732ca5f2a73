import 'reflect-metadata';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource, DataSourceOptions } from 'typeorm';
import {
  IdempotentMqEvents,
  IdempotentMqModule,
  type IdempotentMqOptions,
  OutboxPublisher,
} from '../../../src/index.js';
import { ENTITIES, PaymentRow } from '../business/entities.js';
import {
  INSERT_PAYMENT,
  type SqlKind,
  ask,
  createBusiness,
  dropDatabase,
  statements,
} from '../business/mysql.js';
import { type Contestant, type OpenOptions, type Opened, type Place, brokerNameOf } from '../contestant.js';
import { type HandlerOf, PaymentSucceeded, batched, single, withEntities } from './ours-handlers.js';

/** One database; an outbox with a relay and the broker in a database of its own; a broker that is a service. */
type Shape = 'one' | 'apart' | 'service';

const SHAPES: Record<Shape, { label: string; settings: string }> = {
  one: { label: 'one database', settings: 'publisher, broker and consumer in one database' },
  apart: {
    label: 'outbox + relay',
    settings: 'a database for the business and one for the broker; the paying process relays',
  },
  service: {
    label: 'broker service',
    settings: 'the broker is a process with a database of its own, reached over HTTP',
  },
};

interface Way {
  label: string;
  settings: string;
  handler: HandlerOf;
  /** Payments are inserted as entities as well. */
  entities?: boolean;
}

/** How messages are handled. One more way is an entry here, maybe a handler in ours-handlers.ts, and a word in index.ts. */
const WAYS = {
  'one-by-one': { label: 'one by one', settings: 'a transaction for each message', handler: single({}) },
  shared: {
    label: 'shared transactions',
    settings:
      'perTransaction 20, in 4 places at once: all or nothing per transaction, and each alone where one fails',
    handler: single({ perTransaction: 20, concurrency: 4 }),
  },
  entities: {
    label: 'one by one, entities',
    settings: 'a transaction for each message; payment and card by manager.insert()',
    handler: withEntities({}),
    entities: true,
  },
  batch: {
    label: 'batch handler',
    settings: 'batches of up to 100, in 2 places at once, with one INSERT for all cards of a batch',
    handler: batched({ batch: { max: 100 }, concurrency: 2 }),
  },
} satisfies Record<string, Way>;

export function ours(kind: SqlKind, shape: Shape, way: keyof typeof WAYS): Contestant {
  const { label, settings } = SHAPES[shape];
  return {
    name: `ours-${kind}-${shape}-${way}`,
    label: `${label}, ${WAYS[way].label}`,
    family: 'ours',
    servers: [kind],
    business: kind,
    settings: `${settings}; ${WAYS[way].settings}`,
    hasService: shape === 'service',
    async create(place) {
      await createBusiness(place, kind, { dedup: false });
      if (shape !== 'one') await statements(place.urls[kind]!, [`CREATE DATABASE ${brokerOf(place).name}`]);
    },
    open: (place, options) => openApp({ place, kind, shape, way: WAYS[way] }, options),
    ...(shape !== 'one' && {
      landed: async (place: Place) => (await count(place, kind, 'mq_outbox')) === 0,
    }),
    async left(place) {
      const broker = shape === 'one' ? place : brokerOf(place);
      const tables = [
        await count(broker, kind, 'mq_delivery'),
        await count(broker, kind, 'mq_dead_letter'),
        shape === 'one' ? 0 : await count(place, kind, 'mq_outbox'),
      ];
      return tables.reduce((sum, rows) => sum + rows);
    },
    async drop(place) {
      await dropDatabase(place, kind);
      await dropDatabase(brokerOf(place), kind);
    },
  };
}

async function count(place: Place, kind: SqlKind, table: string): Promise<number> {
  const [row] = await ask<{ n: number }>(place, kind, `SELECT COUNT(*) AS n FROM ${table}`);
  return Number(row!.n);
}

function brokerOf(place: Place): Place {
  return { ...place, name: brokerNameOf(place) };
}

interface App {
  place: Place;
  kind: SqlKind;
  shape: Shape;
  way: Way;
}

async function openApp({ place, kind, shape, way }: App, { payers, consumer }: OpenOptions): Promise<Opened> {
  // A pool that paying never waits for; consumers and claims have connections of the library's own.
  const connections = Math.max(2, payers);
  const options: IdempotentMqOptions = {
    schema: 'ensure',
    roles: { relay: payers > 0 },
    consumers: consumer ? { concurrency: consumer.concurrency } : {},
    ...brokerOption({ place, kind, shape }),
  };
  const app = await NestFactory.createApplicationContext(
    appModule(dataSource(place, kind, connections), options, consumer && way.handler(consumer)),
    { logger: ['error', 'warn'], abortOnError: false },
  );
  const business = app.get<DataSource>(getDataSourceToken());
  const outbox = app.get(OutboxPublisher);
  if (consumer) {
    app.get(IdempotentMqEvents).events$.subscribe((event) => {
      if (event.type === 'acknowledged') consumer.effect(event.bizId);
    });
  }
  return {
    pay: (payment) =>
      business.transaction(async (manager) => {
        const { paymentId, amount } = payment;
        if (way.entities) await manager.insert(PaymentRow, { paymentId, amount });
        else await manager.query(INSERT_PAYMENT, [paymentId, amount]);
        await outbox.publish(PaymentSucceeded, payment, { manager });
      }),
    close: () => app.close(),
  };
}

function appModule(
  business: DataSourceOptions,
  options: IdempotentMqOptions,
  handler: Type | undefined,
): Type {
  class App {}
  Module({
    imports: [TypeOrmModule.forRoot({ ...business, retryAttempts: 0 }), IdempotentMqModule.forRoot(options)],
    providers: handler ? [handler] : [],
  })(App);
  return App;
}

function brokerOption({ place, kind, shape }: Omit<App, 'way'>): Pick<IdempotentMqOptions, 'broker'> {
  switch (shape) {
    case 'one':
      return {};
    case 'apart':
      return { broker: { dataSource: dataSource(brokerOf(place), kind) } };
    case 'service':
      return { broker: { url: place.service! } };
  }
}

function dataSource({ urls, name }: Place, kind: SqlKind, poolSize = 10): DataSourceOptions {
  const { hostname, port, username, password } = new URL(urls[kind]!);
  const address = { host: hostname, port: Number(port), username, password };
  return { type: kind, ...address, database: name, poolSize, entities: ENTITIES, trace: false };
}
