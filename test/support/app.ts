import type {
  DynamicModule,
  INestApplication,
  INestApplicationContext,
  Provider,
  Type,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import { ReplaySubject, filter, firstValueFrom, take, timeout, toArray } from 'rxjs';
import { DataSource, type EntitySchema } from 'typeorm';
import {
  type BrokerByEngine,
  BrokerService,
  IdempotentExecutor,
  type IdempotentMqEvent,
  IdempotentMqEvents,
  IdempotentMqModule,
  type IdempotentMqOptions,
  OutboxPublisher,
} from '../../src/index.js';
import { makeSqliteSafe } from '../../src/storage/index.js';
import { type TestDatabase, createDatabase } from './engines.js';
import { createJetstream } from './jetstream.js';
import { withTestStatements } from './postgres-words.js';
import { createRabbitmq } from './rabbitmq.js';
import { type TestService, startService } from './service.js';

export interface TestApp {
  readonly nest: INestApplicationContext;
  readonly dataSource: DataSource;
  /** Where the broker's tables are: the same one, unless the broker is apart. */
  readonly brokerDataSource: DataSource;
  /** Whether the broker is in a database of its own that the test hasn't chosen. */
  readonly isApart: boolean;
  readonly outbox: OutboxPublisher;
  readonly broker: BrokerService;
  readonly executor: IdempotentExecutor;
  /** Every event since the start. */
  readonly seen: IdempotentMqEvent[];
  /** Resolves with the next `count` matching events, counted from the start. */
  events<T extends IdempotentMqEvent['type']>(
    type: T,
    count?: number,
    where?: (event: Extract<IdempotentMqEvent, { type: T }>) => boolean,
  ): Promise<Extract<IdempotentMqEvent, { type: T }>[]>;
  close(): Promise<void>;
}

export interface AppParts {
  entities?: (Type | EntitySchema)[];
  providers?: Provider[];
  controllers?: Type[];
  imports?: (Type | DynamicModule)[];
  options?: IdempotentMqOptions;
  dataSource?: object;
  /** A web application in place of a context. */
  web?: (testing: TestingModule) => INestApplication;
}

const EVENT_TIMEOUT_MS = 40_000;

/** How many deliveries may share a transaction, where a test doesn't say so itself. */
const PER_TRANSACTION = Number(process.env.MQ_TEST_PER_TRANSACTION) || undefined;

/** With `apart`, a broker that a test doesn't place is in a database of its own, beside the test's. */
const SHAPE = process.env.MQ_TEST_SHAPE;
const IS_APART = SHAPE === 'apart' || SHAPE === 'service';
const brokers = new WeakMap<TestDatabase, Promise<TestDatabase>>();

async function brokerBeside(database: TestDatabase): Promise<TestDatabase> {
  const known = brokers.get(database);
  if (known) return known;
  const making = createDatabase(database.engine);
  brokers.set(database, making);
  const drop = database.drop.bind(database);
  Object.assign(database, {
    drop: async () => {
      await drop();
      await (await making).drop();
    },
  });
  return making;
}

/** With `service`, the broker that a test doesn't place is a service, on a port of its own. */
const services = new WeakMap<TestDatabase, Promise<TestService>>();

async function serviceBeside(database: TestDatabase, broker: TestDatabase): Promise<TestService> {
  const known = services.get(database);
  if (known) return known;
  const starting = startService(broker);
  services.set(database, starting);
  const drop = database.drop.bind(database);
  Object.assign(database, {
    drop: async () => {
      await (await starting).close();
      await drop();
    },
  });
  return starting;
}

/** With `rabbitmq` or `jetstream`, that engine has the place of the broker that a test doesn't place. */
const ENGINES = { rabbitmq: createRabbitmq, jetstream: createJetstream };
const enginesInPlace = new WeakMap<TestDatabase, TestEngine>();

interface TestEngine {
  broker(): BrokerByEngine;
  drop(): Promise<void>;
}

function isEngine(shape: string | undefined): shape is keyof typeof ENGINES {
  return shape !== undefined && shape in ENGINES;
}

function engineBeside(database: TestDatabase, shape: keyof typeof ENGINES): TestEngine {
  const known = enginesInPlace.get(database);
  if (known) return known;
  const engine = ENGINES[shape]();
  enginesInPlace.set(database, engine);
  const drop = database.drop.bind(database);
  Object.assign(database, {
    drop: async () => {
      await engine.drop();
      await drop();
    },
  });
  return engine;
}

/** It takes turns with the app, as every writer of a SQLite file in one process has to. */
function lookInto({ engine, options }: TestDatabase): Promise<DataSource> {
  const dataSource = new DataSource(options);
  if (engine === 'sqlite') makeSqliteSafe(dataSource);
  return withTestStatements(dataSource).initialize();
}

/** A small app on a database of its own, started. Polls and backoff are short, so that nobody waits for the clock. */
export async function startApp(database: TestDatabase, parts: AppParts = {}): Promise<TestApp> {
  const { entities = [], providers = [], controllers = [], imports = [], options = {} } = parts;
  const apart = IS_APART && !options.broker ? await brokerBeside(database) : undefined;
  const service = apart && SHAPE === 'service' ? await serviceBeside(database, apart) : undefined;
  const engine = isEngine(SHAPE) && !options.broker ? engineBeside(database, SHAPE) : undefined;
  const typeorm = { ...database.options, entities, synchronize: true, ...parts.dataSource };
  let opened: DataSource | undefined;
  const builder = Test.createTestingModule({
    imports: [
      TypeOrmModule.forRootAsync({
        useFactory: () => typeorm,
        dataSourceFactory: async (options) => (opened = await new DataSource(options!).initialize()),
      }),
      IdempotentMqModule.forRoot({
        schema: 'ensure',
        shutdownTimeoutMs: 2_000,
        ...(apart && { broker: service ? { url: service.url } : { dataSource: apart.options } }),
        ...(engine && { broker: engine.broker() }),
        ...options,
        relay: { pollMs: 20, delayMs: 10, maxDelayMs: 50, ...options.relay },
        consumers: {
          pollMs: 20,
          retry: { delayMs: 10, maxDelayMs: 50 },
          ...(PER_TRANSACTION && { perTransaction: PER_TRANSACTION }),
          ...options.consumers,
        },
      }),
      ...imports,
    ],
    providers,
    controllers,
  });
  let testing: TestingModule;
  try {
    testing = await builder.compile();
  } catch (error) {
    await opened?.destroy();
    throw error;
  }
  const events = new ReplaySubject<IdempotentMqEvent>();
  const seen: IdempotentMqEvent[] = [];
  const source = testing.get(IdempotentMqEvents).events$;
  source.subscribe((event) => seen.push(event));
  source.subscribe(events);
  const ofService = service?.events.events$.subscribe((event) => {
    seen.push(event);
    events.next(event);
  });
  const nest = await (parts.web?.(testing) ?? testing).init().catch(async (error: unknown) => {
    await testing.close();
    throw error;
  });
  const dataSource = withTestStatements(nest.get<DataSource>(getDataSourceToken()));
  const brokerDataSource = apart ? await lookInto(apart) : dataSource;
  return {
    nest,
    seen,
    dataSource,
    brokerDataSource,
    isApart: apart !== undefined,
    outbox: nest.get(OutboxPublisher),
    broker: service?.broker ?? nest.get(BrokerService),
    executor: nest.get(IdempotentExecutor),
    events: (type, count = 1, where = () => true) =>
      firstValueFrom(
        events.pipe(
          filter((event): event is never => event.type === type && where(event as never)),
          take(count),
          toArray(),
          timeout({
            each: EVENT_TIMEOUT_MS,
            with: () => {
              throw new Error(`waited for ${count} ${type}; seen: ${summary(seen)}`);
            },
          }),
        ),
      ),
    close: async () => {
      await nest.close();
      ofService?.unsubscribe();
      if (apart && brokerDataSource.isInitialized) await brokerDataSource.destroy();
    },
  };
}

function summary(seen: readonly IdempotentMqEvent[]): string {
  const counts = new Map<string, number>();
  for (const { type } of seen) counts.set(type, (counts.get(type) ?? 0) + 1);
  const errors = seen
    .flatMap((event) => ('error' in event ? [event.error] : 'reason' in event ? [event.reason] : []))
    .slice(-3);
  return `${[...counts].map(([type, count]) => `${count} ${type}`).join(', ')}; last errors: ${errors.join(' | ')}`;
}
