import type { DataSource } from 'typeorm';
import { BrokerOverHttp, remoteBroker } from '../broker-over-http.js';
import type { BrokerService } from '../broker/index.js';
import { ConfigurationError } from '../errors/index.js';
import { resolveOptions } from '../idempotent-mq.options.js';
import { IdempotentMqOperations } from '../operate/index.js';
import { nameOfDatabase } from '../storage/index.js';
import { brokerOn } from './broker-on.js';
import type { Flags, Invocation } from './command.js';
import { dataSourceOf } from './data-source.js';
import { Opened } from './opened.js';

/** Not a flag: whoever lists processes reads those. */
const TOKEN = 'IDEMPOTENT_MQ_TOKEN';
/** A part of a table, and what a filter of dead letters selects. */
const STATEMENT_TIMEOUT_MS = 60_000;

/** What `--broker` and `--data-source` say of where the broker is, in words of the usage. */
export const BROKER_HELP = `With a broker apart, --broker URL is its database, or the address of its service (http://…), whose token is in the environment variable ${TOKEN}`;

type Work<T, R> = (with_: T) => Promise<R>;

/** For commands that look at everything: the database of the business, and the broker, wherever it is. */
export async function withOperations<R>(
  { dataSource: databaseOf, flags }: Invocation,
  work: Work<IdempotentMqOperations, R>,
): Promise<R> {
  const dataSource = await databaseOf();
  const opened = openedFor(flags, dataSource, false);
  try {
    const connections = await opened.databases.open(dataSource);
    const name = nameOfDatabase(dataSource);
    const elsewhere = await brokerNamed(flags.broker);
    const broker =
      elsewhere === undefined
        ? {
            kind: 'same-database' as const,
            name,
            connections,
            operated: brokerOn(connections, opened.options),
          }
        : elsewhere instanceof BrokerOverHttp
          ? {
              kind: 'service' as const,
              name: elsewhere.name,
              connections: undefined,
              operated: opened.service(elsewhere),
            }
          : await ownDatabase(elsewhere, opened);
    return await work(new IdempotentMqOperations({ connections, name, broker, process: undefined }));
  } finally {
    await opened.close();
  }
}

/** For commands that the broker alone is asked for: it is where `--broker` says, or else in the database that is named. */
export async function withBroker<R>(
  { dataSource: databaseOf, flags }: Invocation,
  { changes }: { changes: boolean },
  work: Work<BrokerService, R>,
): Promise<R> {
  const elsewhere = await brokerNamed(flags.broker);
  if (elsewhere instanceof BrokerOverHttp) {
    try {
      return await work(remoteBroker(elsewhere));
    } finally {
      await elsewhere.close();
    }
  }
  const dataSource = elsewhere ?? (await databaseOf());
  const opened = openedFor(flags, dataSource, changes);
  let broker: BrokerService | undefined;
  try {
    broker = brokerOn(await opened.databases.open(dataSource), opened.options);
    return await work(broker);
  } finally {
    // What a purge left without anybody who needs it goes now.
    await broker?.close();
    await opened.close();
  }
}

function openedFor(flags: Flags, dataSource: DataSource, changes: boolean) {
  const options = resolveOptions({}, dataSource);
  const { writeWaitMs } = options;
  const tablePrefix = flags['table-prefix'];
  const databases = new Opened({
    tablePrefix,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    writeWaitMs,
    changes,
  });
  const services: BrokerOverHttp[] = [];
  return {
    databases,
    options,
    service(over: BrokerOverHttp): BrokerService {
      services.push(over);
      return remoteBroker(over);
    },
    async close(): Promise<void> {
      for (const service of services) await service.close();
      await databases.close();
    },
  };
}

async function ownDatabase(dataSource: DataSource, opened: ReturnType<typeof openedFor>) {
  const connections = await opened.databases.open(dataSource);
  const operated = brokerOn(connections, opened.options);
  return { kind: 'own-database' as const, name: nameOfDatabase(dataSource), connections, operated };
}

async function brokerNamed(given: string | undefined): Promise<DataSource | BrokerOverHttp | undefined> {
  if (given === undefined) return undefined;
  if (!/^https?:/.test(given)) return dataSourceOf({ database: given, flag: '--broker' });
  if (!URL.canParse(given) || new URL(given).username !== '') {
    throw new ConfigurationError(
      `--broker must be an address such as https://broker.internal, without a user; its token belongs into ${TOKEN}.`,
    );
  }
  return new BrokerOverHttp({ url: given, token: process.env[TOKEN] });
}
