import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import { conductsOn } from './conducts/conduct.js';
import type { Engine } from './databases/create.js';
import type { Pair } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import { published } from './order.js';

const LOOK_MS = 200;

const MYSQL_PROCEDURES = [
  'CREATE PROCEDURE commits() COMMIT',
  "CREATE PROCEDURE raises_1213() SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'as the server would'",
];
const POSTGRES_PROCEDURES = [
  'CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$',
  `CREATE FUNCTION raises_40p01() RETURNS void LANGUAGE plpgsql AS
     $$ BEGIN RAISE 'as the server would' USING ERRCODE = '40P01'; END $$`,
];

/** What some handlers abuse. */
export async function prepareForHostiles({ business, rawBusiness }: Pair): Promise<void> {
  if (business.engine === 'sqlite') return;
  for (const statement of [
    'CREATE TABLE altered (id INT)',
    'CREATE TABLE locked (id INT PRIMARY KEY, n INT NOT NULL)',
    'INSERT INTO locked VALUES (1, 0), (2, 0)',
    ...(business.engine === 'postgres' ? POSTGRES_PROCEDURES : MYSQL_PROCEDURES),
  ]) {
    await rawBusiness.query(statement);
  }
}

/** The faults are those of the handlers, so there is nothing to do but to wait until so many payments are made. */
export async function untilPublished(pair: Pair, size: number): Promise<void> {
  let last = { messages: 0, at: performance.now() };
  while (last.messages < size && performance.now() - last.at < STALL_MS) {
    await pause(LOOK_MS);
    const messages = await published(pair);
    if (messages > last.messages) last = { messages, at: performance.now() };
  }
}

/** How often each conduct was seen, by what handlers wrote down before it. */
export function conductsSeen(engine: Engine, events: ReadonlyMap<string, number>): FaultCounts {
  return FaultCounts.told(conductsOn(engine).map((name) => [name, events.get(name) ?? 0] as const));
}
