import { existsSync } from 'node:fs';
import { Injectable, Logger } from '@nestjs/common';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { Subject, firstValueFrom, take, toArray } from 'rxjs';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqEvent,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { MINUTE_MS, claim, numbered, recordOf, startBroker, subscribe } from '../support/broker.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass } from '../support/tables.js';
import { until } from '../support/until.js';

/** A shutdown loses nothing and costs no delivery an attempt. */

type Behaviour = (delivery: { signal: AbortSignal }) => Promise<unknown>;

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
const never = () => new Promise<never>(() => undefined);

let behaviour: Behaviour;
let begun: Subject<string>;
let attempts: number[];

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', concurrency: 2 })
  async issue({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    attempts.push(delivery.attempt);
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
    begun.next(paymentId);
    await behaviour(delivery);
  }
}

/** On SQLite writers take turns, so that two idempotent handlers never run at once there. */
@Injectable()
class Texting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms', concurrency: 2 })
  async text({ paymentId }: Payment, delivery: AtLeastOnceDelivery) {
    attempts.push(delivery.attempt);
    begun.next(paymentId);
    await behaviour(delivery);
    return delivery.ack();
  }
}

describe.each(engines)('closing the app while handlers run, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let after: TestApp | undefined;

  beforeEach(async () => {
    begun = new Subject();
    attempts = [];
    behaviour = async () => undefined;
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await after?.close();
    after = undefined;
    await database.drop();
  });

  const start = async (provider: typeof CardIssuing | typeof Texting, shutdownTimeoutMs = 20_000) => {
    app = await startApp(database, {
      entities: [CardTable],
      providers: [provider],
      options: { shutdownTimeoutMs },
    });
  };

  const publish = (ids: string[]) =>
    app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });

  /** Resolves when this many handlers have begun. */
  const running = (count: number) => firstValueFrom(begun.pipe(take(count), toArray()));

  const seen = (type: IdempotentMqEvent['type']) => app.seen.filter((event) => event.type === type);

  /** What is left for a group, by what a next process would claim. */
  const leftFor = async (group: string) => {
    after = await startBroker(database, { entities: [CardTable] });
    const subscription = await subscribe(after, group, PaymentSucceeded.name);
    // What was given back may have to wait a moment.
    await letPass(after.dataSource, MINUTE_MS);
    await after.broker.poll(subscription, 0);
    const { deliveries, suspects } = await claim(after, subscription);
    expect(suspects).toEqual([]);
    return deliveries.map(recordOf);
  };

  it('waits for those that run, and gives back at no cost what has not begun', async () => {
    await start(Texting);
    await publish(['P-0']);
    await app.events('acknowledged');
    behaviour = async ({ signal }) => aborted(signal);
    const both = running(2);
    // They wait behind the two that run, since the first handler was fast.
    await publish(numbered(8));
    await both;
    await app.close();
    expect(seen('acknowledged')).toHaveLength(3);
    const left = await leftFor('sms');
    expect(left).toHaveLength(6);
    for (const record of left) expect(record).toMatchObject({ failures: 0, lostLeases: 0 });
    expect(attempts).toEqual([1, 1, 1]);
    expect([...seen('retry-scheduled'), ...seen('lease-lost'), ...seen('dead-lettered')]).toEqual([]);
  });

  it('commits the effect of a handler that finishes after its signal', async () => {
    await start(CardIssuing);
    behaviour = async ({ signal }) => aborted(signal);
    const one = running(1);
    await publish(['P-1']);
    await one;
    await app.close();
    expect(seen('acknowledged')).toHaveLength(1);
    expect(await leftFor('card-issuing')).toEqual([]);
    expect(await after!.dataSource.getRepository(CardRow).count()).toBe(1);
  });

  it('says which handlers did not end in time, and for what', async () => {
    await start(Texting, 200);
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const reasons: unknown[] = [];
    behaviour = async ({ signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      await never();
    };
    const both = running(2);
    await publish(['P-1', 'P-2']);
    await both;
    await app.close();
    expect(warn.mock.calls.map(([line]) => line as string)).toEqual([
      expect.stringMatching(
        /^Shutdown: Texting\.text \(.*\) did not end within 200 ms \(option shutdownTimeoutMs\) for P-1, P-2\. /,
      ),
    ]);
    expect(reasons).toEqual(Array(2).fill(expect.objectContaining({ code: 'SHUTTING_DOWN' })));
    warn.mockRestore();
  });

  it.each([
    [
      'throws when its signal aborts',
      async ({ signal }) => aborted(signal).then(() => signal.throwIfAborted()),
      20_000,
    ],
    ['ignores its signal', never, 200],
  ] as [string, Behaviour, number][])(
    'rolls back a handler that %s, and gives it back at no cost',
    async (...args) => {
      const [, behaves, timeoutMs] = args;
      await start(CardIssuing, timeoutMs);
      behaviour = behaves;
      const one = running(1);
      await publish(['P-1']);
      await one;
      await app.close();
      expect(seen('given-back')).toHaveLength(1);
      expect(seen('acknowledged')).toEqual([]);
      behaviour = async () => undefined;
      after = await startApp(database, { entities: [CardTable], providers: [CardIssuing] });
      expect(await after.dataSource.getRepository(CardRow).count()).toBe(0);
      await after.events('acknowledged');
      expect(await after.dataSource.getRepository(CardRow).count()).toBe(1);
      expect(attempts).toEqual([1, 1]);
    },
  );

  it('gives back an at-least-once delivery whose handler ignores its signal', async () => {
    await start(Texting, 200);
    behaviour = never;
    const one = running(1);
    await publish(['P-1']);
    await one;
    await app.close();
    expect(await leftFor('sms')).toEqual([expect.objectContaining({ failures: 0, lostLeases: 0 })]);
  });

  it('does not begin handlers that waited for a connection meanwhile', async () => {
    await start(CardIssuing, 200);
    behaviour = never;
    // On a server both begin at once; on SQLite the second one waits for the write lock.
    const atOnce = engine === 'sqlite' ? 1 : 2;
    const begins = running(atOnce);
    await publish(['P-1', 'P-2']);
    await begins;
    await app.close();
    expect(attempts).toHaveLength(atOnce);
    expect(await leftFor('card-issuing')).toHaveLength(2);
  }, 20_000);

  it('may be done twice, at once and afterwards', async () => {
    await start(CardIssuing);
    behaviour = async ({ signal }) => aborted(signal);
    const one = running(1);
    await publish(['P-1']);
    await one;
    await Promise.all([app.close(), app.close()]);
    expect(seen('acknowledged')).toHaveLength(1);
    const logged = jest.spyOn(Logger.prototype, 'error');
    await app.close();
    expect(logged).not.toHaveBeenCalled();
    logged.mockRestore();
    expect(app.dataSource.isInitialized).toBe(false);
  });

  it('leaves no connection open', async () => {
    await start(CardIssuing, 200);
    behaviour = never;
    const one = running(1);
    await publish(['P-1']);
    await one;
    await app.close();
    await until('the server has no session of this database', () => noSessions(database));
  });
});

/** On SQLite: whether anybody has the write-ahead log open, which goes when the last connection closes. */
async function noSessions({ engine, options }: TestDatabase): Promise<boolean> {
  if (engine === 'sqlite') return !existsSync(`${options.database as string}-wal`);
  const { host, port, username, password } = options as unknown as Record<string, string>;
  if (engine === 'postgres') {
    const client = new Client({ host, port: Number(port), user: username, password, database: 'postgres' });
    await client.connect();
    const { rows } = await client.query('SELECT pid FROM pg_stat_activity WHERE datname = $1', [
      options.database,
    ]);
    await client.end();
    return rows.length === 0;
  }
  const connection = await createConnection({ host, port: Number(port), user: username, password });
  const [rows] = await connection.query('SELECT id FROM information_schema.processlist WHERE db = ?', [
    options.database,
  ]);
  await connection.end();
  return (rows as unknown[]).length === 0;
}
