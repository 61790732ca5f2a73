import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** How the broker tells this outbox from others, and how far it has come. */
export interface OutboxOrigin {
  origin: Buffer;
  /** Claims so far: a number that only a restored backup makes smaller. */
  claims: number;
  /** The one that it sends to; undefined as long as nothing was sent. */
  broker: Buffer | undefined;
}

/** Locked: one claim at a time counts itself. */
export async function lockOrigin(
  { dialect, tables }: Database,
  on: Connection,
): Promise<OutboxOrigin | undefined> {
  const rows = await read<{ origin: Buffer; claims: number | string; broker: Buffer | null }>(
    on,
    `SELECT origin, claims, broker FROM ${tables.outbox_origin} WHERE id = 1${dialect.forUpdate}`,
    [],
  );
  return rows.map(({ origin, claims, broker }) => ({
    origin,
    claims: Number(claims),
    broker: broker ?? undefined,
  }))[0];
}

export async function findOrigin({ tables }: Database, on: Connection): Promise<Buffer | undefined> {
  const rows = await read<{ origin: Buffer }>(
    on,
    `SELECT origin FROM ${tables.outbox_origin} WHERE id = 1`,
    [],
  );
  return rows[0]?.origin;
}

export async function countClaim(
  { tables }: Database,
  on: Connection,
  { claims, broker }: { claims: number; broker: Buffer },
): Promise<void> {
  await write(on, `UPDATE ${tables.outbox_origin} SET claims = ?, broker = ? WHERE id = 1`, [claims, broker]);
}

/** For a broker that takes the place of another one. */
export async function forgetBroker({ tables }: Database, on: Connection): Promise<void> {
  await write(on, `UPDATE ${tables.outbox_origin} SET broker = NULL WHERE id = 1`, []);
}

/** The database's clock before a restore and after it may be two. Microseconds. */
const CLOCKS_APART = 24 * 60 * 60 * 1_000_000;

/**
 * After a backup was restored: what is there may have been sent since the backup was made, so it keeps its inner-msg-ids.
 * Not so what was scheduled for a time that has not come: it would be quarantined when its id is too old by then.
 */
export async function markAllMaybeSent({ dialect, tables }: Database, on: Connection): Promise<void> {
  const mark = `SET first_sent_at = ${dialect.now} WHERE first_sent_at IS NULL`;
  await write(on, `UPDATE ${tables.outbox} ${mark}`, []);
  await write(on, `UPDATE ${tables.outbox_keyed} ${mark}`, []);
  await write(
    on,
    `UPDATE ${tables.outbox_scheduled} ${mark} AND due_at <= ${dialect.now} + ${CLOCKS_APART}`,
    [],
  );
}

export async function countOutbox(
  { tables }: Database,
  on: Connection,
): Promise<{ waiting: number; scheduled: number }> {
  const rows = await read<{ waiting: number | string; scheduled: number | string }>(
    on,
    `SELECT (SELECT COUNT(*) FROM ${tables.outbox}) + (SELECT COUNT(*) FROM ${tables.outbox_keyed}) AS waiting,
            (SELECT COUNT(*) FROM ${tables.outbox_scheduled}) AS scheduled`,
    [],
  );
  return { waiting: Number(rows[0]?.waiting), scheduled: Number(rows[0]?.scheduled) };
}
