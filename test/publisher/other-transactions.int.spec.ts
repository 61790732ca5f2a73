import { Injectable, Module, type INestApplication, type Type } from '@nestjs/common';
import { TransactionHost, Propagation as ClsPropagation } from '@nestjs-cls/transactional';
import { Test } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import { filter, firstValueFrom, timeout } from 'rxjs';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import {
  Propagation as TtPropagation,
  deleteDataSourceByName,
  runInTransaction,
} from 'typeorm-transactional';
import { Payment } from '../../examples/readme/entities.js';
import * as withCls from '../../examples/readme/nestjs-cls.js';
import { PaymentSucceeded } from '../../examples/readme/payment-succeeded.js';
import * as withTypeormTransactional from '../../examples/readme/typeorm-transactional.js';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  IdempotentMqEvents,
  OutboxPublisher,
  type PayloadOf,
  outsideTransaction,
} from '../../src/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Noted, note, storedBizIds } from './support/published.js';

type Work = () => Promise<unknown>;

// typeorm-transactional loads it for its other storage driver. It wraps Node's own modules, which Jest can't undo.
jest.mock('cls-hooked', () => ({}));

/** A library that keeps transactions of its own, set up as docs/transactions-of-other-libraries.md shows it. */
interface Library {
  ShopModule: Type;
  Payments: Type<{ charge(id: string, userId: string, amount: number): Promise<void> }>;
  dataSource(options: DataSourceOptions): Promise<DataSource>;
  forget(): void;
  /** As a method that is `@Transactional(propagation)`. */
  transactional(propagation: 'Required' | 'RequiresNew' | 'Nested', work: Work): Promise<unknown>;
  /** The manager that a service writes with. */
  manager(app: INestApplication): EntityManager;
}

const libraries: [string, Library][] = [
  [
    'nestjs-cls',
    {
      ...withCls,
      dataSource: async (options) => new DataSource(options),
      forget: () => undefined,
      transactional: (propagation, work) =>
        TransactionHost.getInstance().withTransaction(ClsPropagation[propagation], work),
      manager: (app) => app.get<TransactionHost<never>>(TransactionHost).tx,
    },
  ],
  [
    'typeorm-transactional',
    {
      ...withTypeormTransactional,
      dataSource: withTypeormTransactional.dataSourceFactory,
      forget: () => deleteDataSourceByName('default'),
      transactional: (propagation, work) =>
        runInTransaction(work, {
          propagation: {
            Required: TtPropagation.REQUIRED,
            RequiresNew: TtPropagation.REQUIRES_NEW,
            Nested: TtPropagation.NESTED,
          }[propagation],
        }),
      manager: (app) => app.get(DataSource).manager,
    },
  ],
];

const ENDED = ['acknowledged', 'dead-lettered'];

/** Does what the test wants done in a handler. */
@Injectable()
class Bookkeeping {
  book: (manager: EntityManager) => Promise<unknown> = async () => undefined;

  @IdempotentConsumer(PaymentSucceeded, { group: 'bookkeeping', retry: { attempts: 1 } })
  async handle(_: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await this.book(manager);
  }
}

describe.each(
  engines.flatMap((engine) => libraries.map(([name, library]) => [name, engine, library] as const)),
)('publish in a transaction of %s, on %s', (name, engine, library) => {
  let database: TestDatabase;
  let app: INestApplication;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startShop(library, database);
  });

  afterEach(async () => {
    await app?.close();
    library.forget();
    await database.drop();
  });

  const charge = (id: string) => app.get(library.Payments).charge(id, 'u-1', 900);
  const publish = (id: string) => app.get(OutboxPublisher).publish(Noted, note(id));
  /** A service that writes a row and publishes, and knows nothing of managers. */
  const write = async (id: string) => {
    await library.manager(app).insert(Payment, { id, userId: 'u-1', amount: 1 });
    await publish(id);
  };
  const fail = () => {
    throw new Error('the business failed');
  };
  const stored = async () => {
    const rows = await app
      .get(DataSource)
      .getRepository(Payment)
      .find({ order: { id: 'ASC' } });
    return { rows: rows.map(({ id }) => id), messages: (await storedBizIds(app.get(DataSource))).sort() };
  };
  const both = (...ids: string[]) => ({ rows: ids, messages: ids });
  /** Publishes a payment, and says how the delivery of it ended. */
  const ends = async (publishing: Work) => {
    const { events$ } = app.get(IdempotentMqEvents);
    const end = firstValueFrom(
      events$.pipe(
        filter(({ type }) => ENDED.includes(type)),
        timeout(40_000),
      ),
    );
    await publishing();
    return end;
  };
  const inHandler = (book: Bookkeeping['book']) => {
    app.get(Bookkeeping).book = book;
    const paid = { paymentId: 'P-0', userId: 'u-1', amount: 1 };
    return ends(() => app.get(OutboxPublisher).publish(PaymentSucceeded, paid, { standalone: true }));
  };

  it('commits the row and the message that its handler gets', async () => {
    expect(await ends(() => charge('P-1'))).toMatchObject({ type: 'acknowledged', bizId: 'P-1' });
    expect((await stored()).rows).toEqual(['P-1']);
  });

  it('commits neither when the method throws', async () => {
    const failing = library.transactional('Required', async () => {
      await write('P-1');
      fail();
    });
    await expect(failing).rejects.toThrow('the business failed');
    expect(await stored()).toEqual(both());
  });

  it('keeps transactions apart that run at once', async () => {
    const ids = ['P-1', 'P-2', 'P-3', 'P-4', 'P-5', 'P-6'];
    await Promise.allSettled(
      ids.map((id, i) =>
        library.transactional('Required', async () => {
          await write(id);
          if (i % 2) fail();
        }),
      ),
    );
    expect(await stored()).toEqual(both('P-1', 'P-3', 'P-5'));
  });

  it('joins the outer transaction from a method that asks for one, and goes with it', async () => {
    const outer = (id: string, atEnd: () => void) =>
      library.transactional('Required', async () => {
        await write(id);
        await library.transactional('Required', () => write(`${id}-inner`));
        atEnd();
      });
    await outer('P-1', () => undefined);
    await expect(outer('P-2', fail)).rejects.toThrow('the business failed');
    expect(await stored()).toEqual(both('P-1', 'P-1-inner'));
  });

  it('is refused outside of any transaction, and after the end of one', async () => {
    await expect(publish('P-1')).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    let late: Promise<unknown> | undefined;
    await library.transactional('Required', async () => {
      late = expect(ended.then(() => publish('P-2'))).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    });
    end();
    await late;
    expect(await stored()).toEqual(both());
  });

  if (name === 'nestjs-cls') {
    it('is undone with a nested transaction, and with the one around it', async () => {
      const outer = (id: string, atEnd: () => void) =>
        library.transactional('Required', async () => {
          await library.transactional('Nested', () => write(id));
          const undone = library.transactional('Nested', async () => {
            await write(`${id}-undone`);
            fail();
          });
          await undone.catch(() => undefined);
          await write(`${id}-after`);
          atEnd();
        });
      await outer('P-1', () => undefined);
      await expect(outer('P-2', fail)).rejects.toThrow('the business failed');
      expect(await stored()).toEqual(both('P-1', 'P-1-after'));
    });
  }

  // SQLite has one writer at a time: there the second transaction would wait for the first.
  if (engine !== 'sqlite') {
    const second = name === 'nestjs-cls' ? (['RequiresNew'] as const) : (['RequiresNew', 'Nested'] as const);
    it.each(second)('stays with a second transaction (%s) when the first one fails', async (propagation) => {
      const failing = library.transactional('Required', async () => {
        await write('P-1');
        await library.transactional(propagation, () => write('P-2'));
        fail();
      });
      await expect(failing).rejects.toThrow('the business failed');
      expect(await stored()).toEqual(both('P-2'));
    });

    it('joins the transaction of IdempotentExecutor.run rather than the one around that', async () => {
      const executor = app.get(IdempotentExecutor);
      const run = (bizId: string, atEnd: () => void) =>
        executor.run({ scenario: 'notes', bizId }, async (manager) => {
          await manager.insert(Payment, { id: bizId, userId: 'u-1', amount: 1 });
          await publish(bizId);
          atEnd();
        });
      await library.transactional('Required', async () => {
        await run('P-1', fail).catch(() => undefined);
        await write('P-2');
      });
      const failing = library.transactional('Required', async () => {
        await run('P-3', () => undefined);
        await write('P-4');
        fail();
      });
      await expect(failing).rejects.toThrow('the business failed');
      expect(await stored()).toEqual(both('P-2', 'P-3'));
    });
  }

  it("joins the delivery's transaction in a handler, and goes with that", async () => {
    const end = await inHandler(async (manager) => {
      await manager.insert(Payment, { id: 'P-1', userId: 'u-1', amount: 1 });
      await publish('P-1');
      fail();
    });
    expect(end).toMatchObject({ type: 'dead-lettered', reason: 'failed' });
    expect((await stored()).rows).toEqual([]);
    expect(await storedBizIds(app.get(DataSource))).not.toContain('P-1');
  });

  it('finds nothing left of the transaction that published what a handler handles', async () => {
    let outside: unknown;
    app.get(Bookkeeping).book = async () => {
      outside = await outsideTransaction(() => publish('P-1')).catch((error: unknown) => error);
    };
    await ends(() => charge('P-0'));
    expect(outside).toMatchObject({ code: 'TRANSACTION_REQUIRED' });
  });

  if (name === 'nestjs-cls') {
    it('is part of the delivery where a handler calls a transactional method', async () => {
      const end = await inHandler(async () => {
        await write('P-1');
        await charge('P-2');
        await library.transactional('Required', () => write('P-3'));
        const undone = library.transactional('Required', async () => {
          await write('P-4');
          fail();
        });
        await undone.catch(() => undefined);
      });
      expect(end).toMatchObject({ type: 'acknowledged' });
      expect((await stored()).rows).toEqual(['P-1', 'P-2', 'P-3']);
      expect(await storedBizIds(app.get(DataSource))).toEqual(expect.arrayContaining(['P-1', 'P-3']));
      expect(await storedBizIds(app.get(DataSource))).not.toContain('P-4');
    });

    it('is undone with the handler that calls a transactional method, and fails', async () => {
      const end = await inHandler(async () => {
        await library.transactional('Required', () => write('P-1'));
        fail();
      });
      expect(end).toMatchObject({ type: 'dead-lettered', reason: 'failed' });
      expect((await stored()).rows).toEqual([]);
      expect(await storedBizIds(app.get(DataSource))).not.toContain('P-1');
    });
  } else {
    it('is refused where a handler calls a transactional method', async () => {
      const end = await inHandler(() => charge('P-1'));
      expect(end).toMatchObject({
        type: 'dead-lettered',
        error: expect.stringContaining("reached for the application's DataSource"),
      });
      expect((await stored()).rows).toEqual([]);
    });
  }
});

/** The ShopModule of the example to the letter, but for the database. */
async function startShop(library: Library, database: TestDatabase): Promise<INestApplication> {
  @Module({ imports: [library.ShopModule], providers: [Bookkeeping] })
  class ShopWithBookkeeping {}

  const options = { ...database.options, entities: [Payment], synchronize: true } as DataSourceOptions;
  const testing = await Test.createTestingModule({ imports: [ShopWithBookkeeping] })
    .overrideProvider(getDataSourceToken())
    .useFactory({ factory: async () => (await library.dataSource(options)).initialize() })
    .compile();
  return testing.createNestApplication().init();
}
