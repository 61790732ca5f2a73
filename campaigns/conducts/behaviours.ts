import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { RejectMessageError } from '../../src/index.js';
import { ask } from '../processes/ask.js';
import { LEASE_MS } from '../processes/options.js';
import type { Seeded } from '../seeded.js';
import type { ConductName } from './conduct.js';
import { oddThing } from './odd-things.js';

/** One call of a handler. */
export interface Call {
  paymentId: string;
  group: string;
  chance: Seeded;
  /** From 1. */
  attempt: number;
  manager: EntityManager;
  /** The app's own, which is none of the handler's business. */
  outer: DataSource;
  /** The effect. */
  issue(manager?: EntityManager): Promise<void>;
}

/** Between the locks of two rows, which others take in another order. */
const RUNS_INTO_MS = 50;
const BLOCKS_MS = 1.5 * LEASE_MS.hostile;
const CARD = 'INSERT INTO card (payment_id, issued_by, process) VALUES (?, ?, ?)';

export const BEHAVIOURS: Record<ConductName, (call: Call) => Promise<unknown>> = {
  'throws after its effect': (call) => call.issue().then(fail),
  'throws something odd': async (call) => {
    await call.issue();
    throw oddThing(call.chance);
  },
  'throws at its first attempt': (call) => (call.attempt === 1 ? call.issue().then(fail) : call.issue()),
  'rejects after its effect': async (call) => {
    await call.issue();
    throw new RejectMessageError('by chance');
  },
  "uses the app's DataSource": async (call) => {
    await call.issue();
    await ask(call.outer, CARD, [call.paymentId, call.group, 'outside']);
  },
  "uses the app's DataSource, and swallows the refusal": async (call) => {
    await ask(call.outer, CARD, [call.paymentId, call.group, 'outside']).catch(() => undefined);
    await call.issue();
  },
  'swallows a duplicate key': async (call) => {
    await noteTwice(call).catch(() => undefined);
    await call.issue();
  },
  'swallows a duplicate key, which aborts': async (call) => {
    await noteTwice(call).catch(() => undefined);
    await call.issue().catch(() => undefined);
  },
  'answers a duplicate key with a savepoint': async (call) => {
    await call.manager.query('SAVEPOINT mine');
    await noteTwice(call).catch(() => call.manager.query('ROLLBACK TO SAVEPOINT mine'));
    await call.issue();
  },
  'nests transactions side by side': async (call) => {
    const failing = call.manager.transaction((nested) => call.issue(nested).then(fail));
    await Promise.allSettled([failing, call.manager.transaction((nested) => call.issue(nested))]);
  },
  'blocks for longer than its lease': async (call) => {
    await call.issue();
    const until = performance.now() + BLOCKS_MS;
    while (call.attempt === 1 && performance.now() < until);
  },
  'commits and finishes': (call) => endsItself(call, 'COMMIT'),
  'commits and throws': (call) => endsItself(call, 'COMMIT').then(fail),
  'runs DDL and finishes': (call) => endsItself(call, 'CREATE TABLE IF NOT EXISTS made_by_handler (id INT)'),
  'runs DDL and throws': (call) => endsItself(call, "ALTER TABLE altered COMMENT = 'again'").then(fail),
  'runs DDL, which is rolled back, and throws': (call) =>
    endsItself(call, 'CREATE TABLE never_there (id INT)').then(fail),
  'calls a procedure that commits, and throws': (call) => endsItself(call, 'CALL commits()').then(fail),
  'calls a procedure that commits, which is refused': (call) => endsItself(call, 'CALL commits()'),
  'switches autocommit on, and throws': (call) => endsItself(call, 'SET autocommit = 1').then(fail),
  'rolls back and writes on': (call) => call.manager.query('ROLLBACK').then(() => call.issue()),
  'rolls back, writes on and throws': async (call) => {
    await call.manager.query('ROLLBACK');
    await call.issue();
    fail();
  },
  'swallows an error 1213, and writes on': async (call) => {
    // It costs no attempt, so there is none to know it by.
    if (call.chance.chance(0.5)) await call.manager.query('CALL raises_1213()').catch(() => undefined);
    await call.issue();
  },
  'swallows an error 40P01, and writes on': async (call) => {
    if (call.chance.chance(0.5)) await call.manager.query('SELECT raises_40p01()').catch(() => undefined);
    await call.issue().catch(() => undefined);
  },
  'runs into others, and swallows what comes of it': async (call) => {
    const ids = call.chance.chance(0.5) ? [1, 2] : [2, 1];
    for (const id of ids) {
      await pause(RUNS_INTO_MS);
      await ask(call.manager, 'UPDATE locked SET n = n + 1 WHERE id = ?', [id]).catch(() => undefined);
    }
    await call.issue().catch(() => undefined);
  },
  'forgets an await': async (call) => {
    await call.issue();
    void call.manager.query(onPostgres(call) ? 'SELECT pg_sleep(0.2)' : 'SELECT SLEEP(0.2)');
  },
  'leaves a stream open': async (call) => {
    await call.issue();
    await call.manager.queryRunner!.stream('SELECT payment_id FROM payment');
  },
  'changes its session': async (call) => {
    await call.manager.query(
      onPostgres(call)
        ? "SET search_path = 'nowhere', 'public'"
        : "SET SESSION sql_mode = 'ANSI', @left_behind = 1",
    );
    await call.manager.query('CREATE TEMPORARY TABLE left_behind (id INT)');
    await call.issue();
  },
  'never returns': async (call) => {
    await call.issue();
    await new Promise(() => undefined);
  },
  'sends COMMIT, which is refused': (call) => endsItself(call, 'COMMIT'),
  'sends COMMIT, and swallows the refusal': async (call) => {
    await call.manager.query('COMMIT').catch(() => undefined);
    await call.issue();
  },
  'swallows a statement that rolls back, and writes on': async (call) => {
    if (call.attempt === 1) {
      const again = "INSERT OR ROLLBACK INTO account (account_id, payments) VALUES ('account-1', 0)";
      await call.manager.query(again).catch(() => undefined);
    }
    await call.issue().catch(() => undefined);
  },
};

async function noteTwice({ manager, group, paymentId }: Call): Promise<void> {
  for (const _ of ['once', 'and again']) {
    await ask(manager, 'INSERT INTO own_dedup (grp, payment_id) VALUES (?, ?)', [group, paymentId]);
  }
}

function onPostgres({ outer }: Call): boolean {
  return outer.options.type === 'postgres';
}

async function endsItself(call: Call, sql: string): Promise<void> {
  await call.issue();
  await call.manager.query(sql);
  await pause(1);
}

function fail(): never {
  throw new Error('by chance');
}
