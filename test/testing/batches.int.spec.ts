import { Injectable } from '@nestjs/common';
import { BatchContext, IdempotentConsumer } from '../../src/index.js';
import { CrashMatrixError, MqTestHarness, crashMatrix } from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type Place, createPlace, somePlaces } from './shapes.js';

jest.setTimeout(180_000);

/** The testing kit with handlers of batches. */

const IDS = ['P-1', 'P-2', 'P-3'];
let calls: string[][];

const issue = async (paid: Payment[], { manager, group }: BatchContext) => {
  calls.push(paid.map(({ paymentId }) => paymentId));
  const rows = paid.map(({ paymentId }) => ({ paymentId, issuedBy: group }));
  await manager.insert(CardRow, rows);
};

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', batch: { max: 10, waitMs: 20 } })
  issue(paid: Payment[], batch: BatchContext) {
    return issue(paid, batch);
  }
}

@Injectable()
class Swallowing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', batch: { max: 10 } })
  async issue(paid: Payment[], batch: BatchContext) {
    await issue(paid, batch).catch(() => undefined);
  }
}

describe.each(somePlaces)('a handler of batches under test on %s, %s', (engine, shape) => {
  let place: Place;
  let app: TestApp;

  const start = async (provider: new () => object) => {
    calls = [];
    place = await createPlace(engine, shape);
    app = await startApp(place.database, {
      entities: [CardTable],
      providers: [provider],
      options: { ...place.options, consumers: { pollMs: 10 } },
    });
  };

  afterEach(async () => {
    await app.close();
    await place.drop();
  });

  const cards = async (id?: string) =>
    (await app.dataSource.getRepository(CardRow).find()).filter(
      ({ paymentId }) => id === undefined || paymentId === id || paymentId.startsWith(`${id}/`),
    ).length;
  const matrix = (count = 1) =>
    crashMatrix(app.nest, {
      publish: ({ id }) => {
        const ids = [id, `${id}/a`, `${id}/b`].slice(0, count);
        return app.outbox.publishAll(
          PaymentSucceeded,
          ids.map((one) => payment(one)),
          { standalone: true },
        );
      },
      observe: ({ id }) => cards(id),
    });

  it('is waited for, delivered to again and loses its ACKs', async () => {
    await start(Cards);
    const harness = new MqTestHarness(app.nest);
    await app.outbox.publishAll(
      PaymentSucceeded,
      IDS.map((id) => payment(id)),
      { standalone: true },
    );
    await harness.drain();
    expect([calls, await cards()]).toEqual([[IDS], IDS.length]);
    expect(await harness.redeliver(PaymentSucceeded)).toBe(IDS.length);
    await harness.drain();
    harness.loseNextAck(5);
    await app.outbox.publish(PaymentSucceeded, payment('P-4'), { standalone: true });
    await harness.drain();
    await app.events('duplicate-absorbed', IDS.length + 1);
    expect([calls, await cards()]).toEqual([[IDS, ['P-4']], IDS.length + 1]);
  });

  it('passes the matrix where it is right', async () => {
    await start(Cards);
    const { passed } = await matrix();
    expect(passed.filter((point) => point.includes('the process dies')).length).toBeGreaterThan(4);
  });

  it('passes the matrix in company', async () => {
    await start(Cards);
    const { passed } = await matrix(3);
    expect(passed.filter((point) => point.includes('the process dies')).length).toBeGreaterThan(4);
  });

  it('does not pass it where it swallows errors, and the database lets it', async () => {
    await start(Swallowing);
    // PostgreSQL commits nothing after an error, so the delivery fails, and comes again.
    if (engine === 'postgres') expect((await matrix()).passed.length).toBeGreaterThan(8);
    else await expect(matrix()).rejects.toBeInstanceOf(CrashMatrixError);
  });
});
