import { randomBytes } from 'node:crypto';
import type Sqlite from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { makeSqliteSafe, migrate } from '../../src/storage/index.js';
import type { Raw, Row } from '../databases/raw.js';
import { chargeIn } from './charges.js';
import { BEGAN_AT } from './faked-globals.js';
import { gateRunners } from './gated-runners.js';
import { Simulation } from './simulation.js';

/** A database in memory with a clock of the simulation. It is emptied between two seeds, since making one takes longer. */
export class SimulatedDatabase {
  clockAheadMs = 0;
  /** A look into it that uses no code of the library. */
  readonly raw: Sqlite.Database;
  private readonly tables: string[];
  private readonly statements = new Map<string, Sqlite.Statement>();
  private readonly beginning: { table: string; rows: Row[] }[];

  static async open(name: string): Promise<SimulatedDatabase> {
    const dataSource = new DataSource({
      type: 'better-sqlite3',
      database: ':memory:',
      entities: [],
      statementCacheSize: 1_000,
    });
    await dataSource.initialize();
    const connections = makeSqliteSafe(dataSource, { writeWaitMs: 10_000 });
    const raw = (dataSource.driver as unknown as { databaseConnection: Sqlite.Database }).databaseConnection;
    await migrate(dataSource);
    raw.exec(TABLES);
    raw.prepare('UPDATE mq_outbox_origin SET origin = ?').run(Buffer.alloc(16, name));
    gateRunners(connections, name);
    return new SimulatedDatabase(name, dataSource, raw);
  }

  private constructor(
    readonly name: string,
    readonly dataSource: DataSource,
    raw: Sqlite.Database,
  ) {
    this.raw = raw;
    const now = () => Simulation.current?.now ?? 0;
    raw.function(
      'unixepoch',
      { varargs: true },
      () => Math.floor(BEGAN_AT + now() + this.clockAheadMs) / 1000,
    );
    raw.function('simulated_now', { varargs: true }, now);
    raw.function('randomblob', (size: number) => randomBytes(size));
    const tables = this.read(`SELECT name FROM sqlite_schema WHERE type = 'table'`);
    this.tables = tables.map((row) => String(row.name));
    this.beginning = this.tables
      .map((table) => ({ table, rows: this.read(`SELECT * FROM ${table}`) }))
      .filter(({ rows }) => rows.length > 0);
  }

  /** As somebody reaches it who goes past the library. */
  get reached(): Pick<Raw, 'query'> {
    return { query: async (sql, values = []) => this.dataSource.query<Row[]>(sql, values) };
  }

  /** As it was when it was made. */
  reset(): void {
    this.clockAheadMs = 0;
    for (const { name } of this.read(TRIGGERS)) {
      if (!String(name).startsWith('note_')) this.raw.exec(`DROP TRIGGER ${String(name)}`);
    }
    // The triggers that note something fill tables that come after theirs, or before: twice empties all.
    for (let round = 0; round < 2; round++)
      for (const table of this.tables) this.prepared(`DELETE FROM ${table}`).run();
    for (const { table, rows } of this.beginning) {
      for (const row of rows) {
        const names = Object.keys(row);
        const marks = names.map(() => '?').join(', ');
        this.prepared(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`).run(
          ...Object.values(row),
        );
      }
    }
    this.dataSource.subscribers.splice(0);
  }

  read<R extends Row>(sql: string, ...values: unknown[]): R[] {
    return this.prepared(sql).all(...values) as R[];
  }

  private prepared(sql: string): Sqlite.Statement {
    const known = this.statements.get(sql) ?? this.raw.prepare(sql);
    this.statements.set(sql, known);
    return known;
  }

  /** Whether a message of that name was ever stored. */
  hasLanded(topic: string, message: string): boolean {
    return this.read<{ body: Buffer; topic: string }>(LANDED).some(
      (row) => row.topic === topic && chargeIn(row.body).message === message,
    );
  }

  count(table: string): number {
    return Number(this.read(`SELECT COUNT(*) AS n FROM ${table}`)[0]!.n);
  }
}

const TRIGGERS = `SELECT name FROM sqlite_schema WHERE type = 'trigger'`;
const LANDED = `SELECT CAST(t.name AS TEXT) AS topic, l.body FROM landing l JOIN mq_topic t ON t.id = l.topic_id`;

/**
 * The business's tables, and what is written down of the library's. No unique key on a card's payment, so that a second card
 * shows.
 */
const TABLES = `
  CREATE TABLE publish (id TEXT PRIMARY KEY);
  CREATE TABLE card (
    id INTEGER PRIMARY KEY AUTOINCREMENT, payment_id TEXT NOT NULL, issued_by TEXT NOT NULL, process TEXT NOT NULL,
    landed_at INTEGER NULL, at REAL NOT NULL DEFAULT (simulated_now()));
  CREATE TABLE balance (
    issued_by TEXT NOT NULL, account TEXT NOT NULL, cards INTEGER NOT NULL, PRIMARY KEY (issued_by, account));
  CREATE TABLE own_dedup (grp TEXT NOT NULL, payment_id TEXT NOT NULL, PRIMARY KEY (grp, payment_id));
  CREATE TABLE landing (
    seq INTEGER PRIMARY KEY, inner_msg_id BLOB NOT NULL, topic_id INTEGER NOT NULL, body BLOB NOT NULL, at REAL NOT NULL);
  CREATE TABLE death (id INTEGER PRIMARY KEY AUTOINCREMENT, subscription_id INTEGER, seq INTEGER, reason BLOB);
  CREATE TABLE forgotten (biz_id BLOB NOT NULL, source_id INTEGER NOT NULL);
  CREATE TRIGGER note_landing AFTER INSERT ON mq_message FOR EACH ROW BEGIN
    INSERT INTO landing VALUES (NEW.seq, NEW.inner_msg_id, NEW.topic_id, NEW.body, simulated_now()); END;
  CREATE TRIGGER note_death AFTER INSERT ON mq_dead_letter FOR EACH ROW BEGIN
    INSERT INTO death (subscription_id, seq, reason) VALUES (NEW.subscription_id, NEW.seq, NEW.reason); END;
  CREATE TRIGGER note_forgotten AFTER DELETE ON mq_dedup FOR EACH ROW BEGIN
    INSERT INTO forgotten VALUES (OLD.biz_id, OLD.source_id); END;
`;
