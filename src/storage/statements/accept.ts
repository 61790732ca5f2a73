import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * Which inner-msg-ids the broker has accepted, so that a message which is sent again is stored once. Below the floor it
 * has forgotten them: who comes from there is neither stored nor dropped, but quarantined.
 */

export interface AcceptedId {
  innerMsgId: Buffer;
  /** Of everything that was sent under this id: another message under the same id is no repeat. */
  bodyHash: Buffer;
}

/** By primary key. */
export async function findAccepted(
  { tables }: Database,
  on: Connection,
  innerMsgIds: readonly Buffer[],
): Promise<AcceptedId[]> {
  const rows = await read<{ inner_msg_id: Buffer; body_hash: Buffer }>(
    on,
    `SELECT inner_msg_id, body_hash FROM ${tables.accepted} WHERE inner_msg_id IN (${placeholders(innerMsgIds.length)})`,
    [...innerMsgIds],
  );
  return rows.map((row) => ({ innerMsgId: row.inner_msg_id, bodyHash: row.body_hash }));
}

/** A plain INSERT: it fails where somebody else has accepted one of them since they were looked for. Sorted, so that crossing ones don't deadlock. */
export async function insertAccepted(
  { tables }: Database,
  on: Connection,
  ids: readonly AcceptedId[],
): Promise<void> {
  const sorted = [...ids].sort((a, b) => a.innerMsgId.compare(b.innerMsgId));
  await write(
    on,
    `INSERT INTO ${tables.accepted} (inner_msg_id, body_hash) VALUES ${sorted.map(() => '(?, ?)').join(', ')}`,
    sorted.flatMap(({ innerMsgId, bodyHash }) => [innerMsgId, bodyHash]),
  );
}

/** By primary key, one after the other: see deleteBySeq for what `IN (…)` does to a short table. */
export async function deleteAccepted(
  { dialect, tables }: Database,
  on: Connection,
  innerMsgIds: readonly Buffer[],
): Promise<void> {
  if (dialect.engine !== 'mysql') {
    const sql = `DELETE FROM ${tables.accepted} WHERE inner_msg_id IN (${placeholders(innerMsgIds.length)})`;
    await write(on, sql, [...innerMsgIds]);
    return;
  }
  await write(
    on,
    `DELETE d FROM JSON_TABLE(?, '$[*]' COLUMNS (id CHAR(32) CHARACTER SET latin1 PATH '$')) k
     STRAIGHT_JOIN ${tables.accepted} d ON d.inner_msg_id = UNHEX(k.id)`,
    [JSON.stringify(innerMsgIds.map((id) => id.toString('hex')))],
  );
}

export interface Floor {
  floor: Buffer;
  /** The highest that the database's clock has been seen to show, in microseconds since 1970 UTC. */
  clock: number;
}

/** Undefined as long as nothing was forgotten. */
export async function readFloor({ tables }: Database, on: Connection): Promise<Floor | undefined> {
  const rows = await read<{ floor: Buffer; clock: number | string }>(
    on,
    `SELECT floor, clock FROM ${tables.accepted_floor} WHERE id = 1`,
    [],
  );
  return rows.map(({ floor, clock }) => ({ floor, clock: Number(clock) }))[0];
}

/** May fail on a duplicate key when another process was quicker: then it is there. */
export async function insertFloor(
  { tables }: Database,
  on: Connection,
  { floor, clock }: Floor,
): Promise<void> {
  await write(on, `INSERT INTO ${tables.accepted_floor} (id, floor, clock) VALUES (1, ?, ?)`, [floor, clock]);
}

/** Never down. Committed before anything below it is forgotten. */
export async function raiseFloor(
  { tables }: Database,
  on: Connection,
  { floor, clock }: Floor,
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.accepted_floor} SET floor = CASE WHEN floor < ? THEN ? ELSE floor END,
       clock = CASE WHEN clock < ? THEN ? ELSE clock END WHERE id = 1`,
    [floor, floor, clock, clock],
  );
}

/** Ids at or below the floor, oldest first, along the primary key. By id, never by the time of acceptance. */
export async function findForgettable(
  { tables }: Database,
  on: Connection,
  { floor, limit }: { floor: Buffer; limit: number },
): Promise<Buffer[]> {
  const rows = await read<{ inner_msg_id: Buffer }>(
    on,
    `SELECT inner_msg_id FROM ${tables.accepted} WHERE inner_msg_id <= ? ORDER BY inner_msg_id LIMIT ${limit}`,
    [floor],
  );
  return rows.map((row) => row.inner_msg_id);
}

/** The broker's own clock, in microseconds since 1970 UTC. */
export async function readClock({ dialect }: Database, on: Connection): Promise<number> {
  const rows = await read<{ now: number | string }>(on, `SELECT ${dialect.now} AS now`, []);
  return Number(rows[0]?.now);
}

/** What a relay has to know before it claims: asked before each claim, so in one statement. */
export async function readAcceptance(
  { dialect, tables }: Database,
  on: Connection,
  origin: Buffer,
): Promise<{ now: number; broker: Buffer | undefined; floor: Buffer | undefined; knownClaims: number }> {
  const rows = await read<{
    now: number | string;
    broker: Buffer | null;
    floor: Buffer | null;
    claims: number | string | null;
  }>(
    on,
    `SELECT ${dialect.now} AS now,
            (SELECT origin FROM ${tables.outbox_origin} WHERE id = 1) AS broker,
            (SELECT floor FROM ${tables.accepted_floor} WHERE id = 1) AS floor,
            (SELECT claims FROM ${tables.known_origin} WHERE origin = ?) AS claims`,
    [origin],
  );
  const { now, broker, floor, claims } = rows[0]!;
  return {
    now: Number(now),
    broker: broker ?? undefined,
    floor: floor ?? undefined,
    knownClaims: Number(claims ?? 0),
  };
}

/** How far each outbox had come when it last sent something; undefined for one that never did. */
export async function findKnownClaims(
  { tables }: Database,
  on: Connection,
  origin: Buffer,
): Promise<number | undefined> {
  const rows = await read<{ claims: number | string }>(
    on,
    `SELECT claims FROM ${tables.known_origin} WHERE origin = ?`,
    [origin],
  );
  return rows[0] && Number(rows[0].claims);
}

/** May fail on a duplicate key when another relay was quicker: then it is there. */
export async function insertKnownOrigin(
  { tables }: Database,
  on: Connection,
  { origin, claims }: { origin: Buffer; claims: number },
): Promise<void> {
  await write(on, `INSERT INTO ${tables.known_origin} (origin, claims) VALUES (?, ?)`, [origin, claims]);
}

export async function raiseKnownClaims(
  { tables }: Database,
  on: Connection,
  { origin, claims }: { origin: Buffer; claims: number },
): Promise<void> {
  await write(on, `UPDATE ${tables.known_origin} SET claims = ? WHERE origin = ? AND claims < ?`, [
    claims,
    origin,
    claims,
  ]);
}
