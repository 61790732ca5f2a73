import { Injectable } from '@nestjs/common';
import { InjectDataSource, InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type QueryRunner, Repository } from 'typeorm';
import { ambientManager, outsideTransaction } from '../../src/index.js';
import { CardRow, PaymentRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import {
  type Handler,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  servers,
} from '../support/hostile.js';

/** Property: work on the app's DataSource would stand outside of the transaction, so it is refused before it runs. */

@Injectable()
class Services {
  constructor(
    @InjectDataSource() readonly dataSource: DataSource,
    @InjectRepository(CardRow) readonly cards: Repository<CardRow>,
  ) {}
}

describe.each(engines)("a handler that reaches for the app's DataSource, on %s", (engine) => {
  const worker = hostileWorker(engine, {
    imports: [TypeOrmModule.forFeature([CardRow])],
    providers: [Services],
  });
  const services = () => worker.app.nest.get(Services);
  const card = (paymentId: string) => ({ paymentId, issuedBy: 'outside' });

  let madeBefore: QueryRunner;

  beforeAll(() => {
    madeBefore = services().dataSource.createQueryRunner();
  });

  afterAll(() => madeBefore.release());

  const ways: [string, Handler][] = [
    ['an injected repository', ({ paymentId }) => services().cards.insert(card(paymentId))],
    ['save() of an injected repository', ({ paymentId }) => services().cards.save(card(paymentId))],
    ['a read of an injected repository', () => services().cards.find()],
    [
      'a query runner that was made before',
      ({ paymentId }) => madeBefore.manager.insert(CardRow, card(paymentId)),
    ],
    [
      'its query()',
      ({ paymentId }) =>
        services().dataSource.query('INSERT INTO card (paymentId, issuedBy) VALUES (?, ?)', [
          paymentId,
          'outside',
        ]),
    ],
    [
      'its transaction()',
      ({ paymentId }) => services().dataSource.transaction((outer) => outer.insert(CardRow, card(paymentId))),
    ],
    ['its manager', ({ paymentId }) => services().dataSource.manager.insert(CardRow, card(paymentId))],
    [
      'a query builder of it',
      ({ paymentId }) =>
        services().dataSource.createQueryBuilder().insert().into(CardRow).values(card(paymentId)).execute(),
    ],
    ['a query runner of it', () => services().dataSource.createQueryRunner().query('SELECT 1')],
    [
      "the DataSource of the delivery's manager",
      ({ paymentId }, { manager }) =>
        manager.dataSource.query('INSERT INTO card (paymentId, issuedBy) VALUES (?, ?)', [
          paymentId,
          'outside',
        ]),
    ],
    [
      "a transaction of the DataSource of the delivery's manager",
      ({ paymentId }, { manager }) =>
        manager.dataSource.transaction((outer) => outer.insert(CardRow, card(paymentId))),
    ],
  ];

  it.each(ways)('is refused %s, before anything runs', async (_, way) => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await way(paid, delivery);
    }, id);
    expect(end).toEqual(failedTwice);
    expect((await worker.errors(id))[0]).toMatch(/^OuterDataSourceError: .*ambientManager\(\)/);
  });

  it.each(ways)('takes effect once when it swallows the refusal of %s', async (_, way) => {
    const end = await worker.meets(async (paid, delivery) => {
      await (async () => way(paid, delivery))().catch(() => undefined);
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
  });

  it('takes effect once in a service that asks for the ambient manager', async () => {
    const service = async (paymentId: string) => {
      await Promise.resolve();
      await ambientManager()!.insert(CardRow, card(paymentId));
    };
    expect(await worker.meets(({ paymentId }) => service(paymentId))).toEqual(effectOnce());
    expect(ambientManager()).toBeUndefined();
  });

  it('may read outside of the transaction where it says so, and does not see its own writes there', async () => {
    const seen: number[] = [];
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      seen.push(await outsideTransaction(() => services().cards.countBy({ paymentId: paid.paymentId })));
      seen.push(await delivery.manager.countBy(CardRow, { paymentId: paid.paymentId }));
    });
    expect(end).toEqual(effectOnce());
    expect(seen).toEqual([0, 1]);
  });
});

for (const engine of servers) {
  describe(`a handler that writes outside of its transaction on purpose, on ${engine}`, () => {
    const worker = hostileWorker(engine);

    it('keeps what it wrote there although it failed', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        const { dataSource } = worker.app;
        await issueCard(paid, delivery);
        await outsideTransaction(() =>
          dataSource.getRepository(PaymentRow).save({ paymentId: `attempt of ${paid.paymentId}`, amount: 1 }),
        );
        throw new Error('the card printer is on fire');
      });
      expect(end).toEqual(failedTwice);
      expect(
        await worker.app.dataSource.getRepository(PaymentRow).countBy({ paymentId: 'attempt of P-1' }),
      ).toBe(1);
    });
  });
}

describe('a handler that writes outside of its transaction on purpose, on sqlite', () => {
  const worker = hostileWorker('sqlite', { options: { sqlite: { writeWaitMs: 100 } } });

  it('fails, and counts a failure, because it waits for the write lock that it holds itself', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await outsideTransaction(() =>
        worker.app.dataSource.getRepository(PaymentRow).insert({ paymentId: 'outside', amount: 1 }),
      );
    }, id);
    expect(end).toEqual(failedTwice);
    expect((await worker.errors(id))[0]).toMatch(/SQLite has one writer at a time/);
  });
});
