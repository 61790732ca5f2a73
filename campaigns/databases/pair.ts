import { DataSource, type DataSourceOptions } from 'typeorm';
import { migrate } from '../../src/index.js';
import { ACCOUNTS } from '../processes/task.js';
import { type CampaignDatabase, type Engine, createDatabase } from './create.js';
import { nowOn } from './now.js';
import { type Raw, openRaw } from './raw.js';
import { createTrigger } from './trigger.js';

/** 1: the broker's tables are in the business's database. 2: they have one of their own. */
export type Shape = 1 | 2;

/** The databases of one chunk, and a look into each from outside. */
export interface Pair {
  readonly shape: Shape;
  readonly business: CampaignDatabase;
  /** In shape 1 it is the business's. */
  readonly broker: CampaignDatabase;
  readonly rawBusiness: Raw;
  readonly rawBroker: Raw;
  drop(): Promise<void>;
}

/** Where they are to be made: undefined, as files. In shape 1 the broker's is not asked for. */
export type Urls = Record<'business' | 'broker', string | undefined>;

export async function createPair(urls: Urls, shape: Shape): Promise<Pair> {
  const business = await createDatabase(urls.business, 'business');
  const broker = shape === 1 ? business : await createDatabase(urls.broker, 'broker');
  for (const { options } of new Set([business, broker])) await makeLibraryTables(options);
  const rawBusiness = openRaw(business.options);
  const rawBroker = shape === 1 ? rawBusiness : openRaw(broker.options);
  await makeBusinessTables(rawBusiness, business.engine);
  await makeAccounts(rawBusiness);
  await noteLandings(rawBroker, broker.engine);
  await noteDeaths(rawBroker, broker.engine);
  await rawBroker.query(`CREATE TABLE killing (process VARCHAR(100) NOT NULL, ${happenedAt(broker.engine)})`);
  return {
    shape,
    business,
    broker,
    rawBusiness,
    rawBroker,
    drop: async () => {
      for (const raw of new Set([rawBusiness, rawBroker])) await raw.close();
      for (const database of new Set([business, broker])) await database.drop();
    },
  };
}

const NUMBERED: Record<Engine, string> = {
  sqlite: 'INTEGER PRIMARY KEY',
  mariadb: 'BIGINT AUTO_INCREMENT PRIMARY KEY',
  mysql: 'BIGINT AUTO_INCREMENT PRIMARY KEY',
  postgres: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
};

async function makeLibraryTables(options: DataSourceOptions): Promise<void> {
  const dataSource = await new DataSource({ ...options, entities: [] }).initialize();
  await migrate(dataSource).finally(() => dataSource.destroy());
}

/**
 * No unique key on a card's payment, so that a second card shows; numbered, so that their order does; with the time
 * at which their message landed, where somebody wrote it down. `own_dedup` is for
 * variants that do it their own way; `forgotten` for dedup rows that are gone, where forgotten.ts has them noted.
 */
async function makeBusinessTables(raw: Raw, engine: Engine): Promise<void> {
  await raw.query(
    `CREATE TABLE payment (payment_id VARCHAR(100) PRIMARY KEY, copies INT NOT NULL, account_id VARCHAR(20) NULL, number INT NULL, ${happenedAt(engine)})`,
  );
  await raw.query(
    `CREATE TABLE card (id ${NUMBERED[engine]}, payment_id VARCHAR(100) NOT NULL, issued_by VARCHAR(100) NOT NULL, process VARCHAR(100) NOT NULL, landed_at BIGINT NULL, ${happenedAt(engine)})`,
  );
  await raw.query(
    `CREATE TABLE forgotten (biz_id ${bytes(engine, 255)} NOT NULL, source_id BIGINT NOT NULL)`,
  );
  await raw.query(
    'CREATE TABLE own_dedup (grp VARCHAR(100) NOT NULL, payment_id VARCHAR(100) NOT NULL, PRIMARY KEY (grp, payment_id))',
  );
}

/** With the payments that were numbered so far. */
async function makeAccounts(raw: Raw): Promise<void> {
  await raw.query('CREATE TABLE account (account_id VARCHAR(20) PRIMARY KEY, payments INT NOT NULL)');
  const rows = ACCOUNTS.map(() => '(?, 0)').join(', ');
  await raw.query(`INSERT INTO account (account_id, payments) VALUES ${rows}`, [...ACCOUNTS]);
}

/**
 * One row for each message that was ever stored, in the transaction that stores it. Without it, a message that lands twice
 * would be hidden by the consumers' dedup. By its body it is known which one it is: one that is lost and another one that
 * landed twice would be as many.
 */
async function noteLandings(raw: Raw, engine: Engine): Promise<void> {
  await raw.query(
    `CREATE TABLE landing (seq BIGINT PRIMARY KEY, biz_id ${bytes(engine, 255)} NOT NULL, inner_msg_id ${bytes(engine, 16)} NOT NULL, body ${engine === 'postgres' ? 'BYTEA' : 'BLOB'} NOT NULL, ${happenedAt(engine)})`,
  );
  await createTrigger(raw, engine, {
    ...{ name: 'note_landing', when: 'AFTER INSERT', table: 'mq_message' },
    does: 'INSERT INTO landing (seq, biz_id, inner_msg_id, body) VALUES (NEW.seq, NEW.biz_id, NEW.inner_msg_id, NEW.body)',
  });
}

/** When a row was inserted. */
function happenedAt(engine: Engine): string {
  return `happened_at BIGINT NOT NULL DEFAULT (${nowOn(engine)})`;
}

/** The same for dead letters, which an operator takes away again. */
async function noteDeaths(raw: Raw, engine: Engine): Promise<void> {
  await raw.query(
    `CREATE TABLE death (id ${NUMBERED[engine]}, subscription_id BIGINT NOT NULL, seq BIGINT NOT NULL, reason ${bytes(engine, 40)} NOT NULL)`,
  );
  await createTrigger(raw, engine, {
    ...{ name: 'note_death', when: 'AFTER INSERT', table: 'mq_dead_letter' },
    does: 'INSERT INTO death (subscription_id, seq, reason) VALUES (NEW.subscription_id, NEW.seq, NEW.reason)',
  });
}

function bytes(engine: Engine, most: number): string {
  return engine === 'postgres' ? 'BYTEA' : `VARBINARY(${most})`;
}
