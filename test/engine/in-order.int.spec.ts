import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { Booking, upTo } from '../support/booking.js';
import { type CutProxy, cutProxy } from '../support/cut-proxy.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Witnesses } from '../support/in-order.js';
import { type TestEngine, describeEachInPlace } from '../support/engines-in-place.js';

// Property: the messages of a key are handled one at a time and in their order over an engine too, by however many processes,
// through failures and cut connections.

let witnesses: Witnesses;
let failures: number;

@Injectable()
class Ledger {
  @IdempotentConsumer(Booking, { group: 'ledger', concurrency: 4, leaseMs: 4_000 })
  async book(booked: PayloadOf<typeof Booking>, { attempt }: DeliveryContext) {
    await witnesses.during(`ledger ${booked.account}`, booked.number, () => {
      if (booked.number % 5 !== 0 || attempt > 1) return;
      failures++;
      throw new Error('it went wrong');
    });
  }
}

describeEachInPlace(
  (name) => `messages of one key over ${name}`,
  (create) => {
    describe.each(engines)('on %s', (engine) => {
      const ACCOUNTS = ['a', 'b', 'c'];
      const COUNT = 20;
      let database: TestDatabase;
      let inPlace: TestEngine;
      let proxy: CutProxy;
      let apps: TestApp[];

      beforeEach(async () => {
        witnesses = new Witnesses();
        failures = 0;
        apps = [];
        database = await createDatabase(engine);
        inPlace = create();
        const { hostname: host, port } = new URL(inPlace.url);
        proxy = await cutProxy({ host, port: Number(port) });
      });

      afterEach(async () => {
        for (const app of apps) await app.close();
        await proxy.close();
        await inPlace.drop();
        await database.drop();
      });

      it('are handled one at a time and in order by three processes', async () => {
        const url = new URL(inPlace.url);
        url.hostname = '127.0.0.1';
        url.port = String(proxy.port);
        for (let i = 0; i < 3; i++) {
          const broker = inPlace.broker({ url: url.href });
          apps.push(
            await startApp(database, {
              providers: [Ledger],
              options: { broker, relay: { ackTimeoutMs: 2_000 } },
            }),
          );
        }
        const acknowledged = () =>
          apps.flatMap(({ seen }) => seen.filter(({ type }) => type === 'acknowledged')).length;
        const wanted = ACCOUNTS.length * COUNT;
        const all = new Promise<void>((resolve) => {
          const look = setInterval(() => {
            if (acknowledged() < wanted) return;
            clearInterval(look);
            resolve();
          }, 20);
        });
        for (const number of upTo(COUNT)) {
          for (const account of ACCOUNTS)
            await apps[0]!.outbox.publish(
              Booking,
              { account, number },
              { standalone: true, orderingKey: account },
            );
          if (number % 7 === 0) proxy.cut();
        }
        await all;
        for (const account of ACCOUNTS) expect(witnesses.done(`ledger ${account}`)).toEqual(upTo(COUNT));
        expect(witnesses.overlaps).toEqual([]);
        expect(failures).toBeGreaterThan(0);
        expect(proxy.cuts).toBeGreaterThan(0);
      }, 120_000);
    });
  },
);
