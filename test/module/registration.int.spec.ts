import {
  type INestApplicationContext,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  Optional,
  type Type,
} from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  BrokerService,
  DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  IdempotentMqEvents,
  IdempotentMqModule,
  type IdempotentMqOptions,
  InjectOutboxPublisher,
  OutboxPublisher,
} from '../../src/index.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { listen, quick, startModules, typeOrm } from './support/start-modules.js';

/** However the module is registered, an app gets the same publisher and the same consumers. */

const OPTIONS = Symbol('options');

@Module({ providers: [{ provide: OPTIONS, useValue: quick }], exports: [OPTIONS] })
class ConfigModule {}

@Injectable()
class OptionsFactory {
  constructor(@Inject(OPTIONS) private readonly options: IdempotentMqOptions) {}

  createIdempotentMqOptions(): IdempotentMqOptions {
    return this.options;
  }
}

@Module({ imports: [ConfigModule], providers: [OptionsFactory], exports: [OptionsFactory] })
class OptionsModule {}

@Injectable()
class CardIssuing {
  readonly issued: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, _: DeliveryContext): Promise<void> {
    this.issued.push(paymentId);
  }
}

@Injectable()
class Payments {
  constructor(@InjectOutboxPublisher() readonly outbox: OutboxPublisher) {}
}

const registrations: [string, () => NonNullable<ModuleMetadata['imports']>[number]][] = [
  ['forRoot', () => IdempotentMqModule.forRoot(quick)],
  [
    'forRootAsync with useFactory, imports and inject',
    () =>
      IdempotentMqModule.forRootAsync({
        imports: [ConfigModule],
        inject: [OPTIONS],
        useFactory: async (options: IdempotentMqOptions) => options,
      }),
  ],
  [
    'forRootAsync with useClass',
    () => IdempotentMqModule.forRootAsync({ imports: [ConfigModule], useClass: OptionsFactory }),
  ],
  [
    'forRootAsync with useExisting',
    () => IdempotentMqModule.forRootAsync({ imports: [OptionsModule], useExisting: OptionsFactory }),
  ],
];

let database: TestDatabase;
let nest: INestApplicationContext | undefined;

beforeEach(async () => {
  database = await createDatabase('sqlite');
});

afterEach(async () => {
  await nest?.close();
  nest = undefined;
  await database.drop();
});

describe.each(registrations)('an app that registers the module by %s', (_, register) => {
  it('publishes and consumes, with none of the library’s entities in its DataSource', async () => {
    nest = await startModules({
      imports: [typeOrm(database), register()],
      providers: [CardIssuing, Payments],
    });
    const event = listen(nest);
    await nest.get(Payments).outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await event('acknowledged');
    expect(nest.get(CardIssuing).issued).toEqual(['P-1']);
    expect(nest.get<DataSource>(getDataSourceToken()).entityMetadatas).toEqual([]);
  });
});

describe('the module', () => {
  @Injectable()
  class MaybePayments {
    constructor(@Optional() readonly outbox?: OutboxPublisher) {}
  }

  @Module({ providers: [MaybePayments] })
  class PaymentModule {}

  const localModule = () => IdempotentMqModule.forRoot({ ...quick, isGlobal: false });

  it('is known in every module', async () => {
    nest = await startModules({
      imports: [typeOrm(database), IdempotentMqModule.forRoot(quick), PaymentModule],
    });
    const { outbox } = nest.get(MaybePayments, { strict: false });
    expect(outbox).toBe(nest.get(OutboxPublisher));
    expect(outbox).toBeInstanceOf(OutboxPublisher);
  });

  it('is not known in modules that do not import it when isGlobal is false', async () => {
    nest = await startModules({ imports: [typeOrm(database), localModule(), PaymentModule] });
    expect(nest.get(MaybePayments, { strict: false }).outbox).toBeUndefined();
  });

  it('serves the module that imports it when isGlobal is false, and finds consumers everywhere', async () => {
    const shared = localModule();

    @Module({ imports: [shared], providers: [Payments] })
    class ImportingModule {}

    nest = await startModules({
      imports: [typeOrm(database), shared, ImportingModule],
      providers: [CardIssuing],
    });
    const event = listen(nest);
    await nest
      .get(Payments, { strict: false })
      .outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await event('acknowledged');
    expect(nest.get(CardIssuing).issued).toEqual(['P-1']);
  });

  it('exports its publisher, broker, executor and events', async () => {
    nest = await startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot(quick)] });
    const parts: Type[] = [OutboxPublisher, IdempotentExecutor, IdempotentMqEvents];
    for (const part of parts) expect(nest.get(part)).toBeInstanceOf(part);
    expect(nest.get(BrokerService)).toBeInstanceOf(BrokerService);
  });

  it('lets the app publish in its own onModuleInit', async () => {
    @Injectable()
    class Seeding {
      constructor(private readonly outbox: OutboxPublisher) {}

      async onModuleInit(): Promise<void> {
        await this.outbox.publish(PaymentSucceeded, payment('P-0'), { standalone: true });
      }
    }

    nest = await startModules({
      imports: [typeOrm(database), IdempotentMqModule.forRoot(quick)],
      providers: [Seeding, CardIssuing],
    });
    const event = listen(nest);
    await nest.get(OutboxPublisher).publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await event('acknowledged', 2);
    expect(nest.get(CardIssuing).issued.sort()).toEqual(['P-0', 'P-1']);
  });

  it('refuses to be registered twice under one name', async () => {
    const twice = startModules({
      imports: [typeOrm(database), IdempotentMqModule.forRoot(quick), IdempotentMqModule.forRoot(quick)],
    });
    await expect(twice).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('registered twice without a name') as string,
    });
  });
});
