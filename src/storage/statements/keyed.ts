import type { Dialect } from '../dialect.js';
import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { type ClaimableRow, type Claimer, CLAIMABLE, isServed, toClaimable } from './deliver.js';
import { placeOfAll } from './delivery-place.js';

/**
 * Step 4 for what has an ordering key: of each key, one delivery at a time. A key's candidate is what of it is under way
 * (leased, or its lease ran out), else its first.
 */

/** A delivery with an ordering key. */
export interface KeyedDelivery {
  orderingKey: Buffer;
  seq: number;
}

export interface KeyHead extends KeyedDelivery {
  /** Nothing of it waits for a time or is leased, as far as can be seen without a lock. */
  available: boolean;
}

/**
 * The first delivery of each key behind this one. It looks at `rows` rows along the primary key (subscription_id,
 * ordering_key, seq), so at one key at least, and not at all those that wait behind its first: the next look begins
 * behind the last key. Without locks. No GROUP BY: whether a server hops from key to key for that is up to its statistics,
 * which don't know of a key that has just got a hundred thousand followers.
 *
 * @returns `last`: the key that the next look begins behind; undefined at the end
 */
export async function findHeads(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, after, rows: most }: { subscriptionId: number; after: Buffer; rows: number },
): Promise<{ heads: KeyHead[]; last: Buffer | undefined }> {
  const rows = await read<{ ordering_key: Buffer; seq: number | string; available: number | string }>(
    on,
    `SELECT ordering_key, seq, available_at <= ${dialect.now} AS available FROM ${tables.delivery_keyed}
     WHERE subscription_id = ? AND ordering_key > ? ORDER BY ordering_key, seq LIMIT ${most}`,
    [subscriptionId, after],
  );
  const heads = rows.filter((row, i) => i === 0 || !row.ordering_key.equals(rows[i - 1]!.ordering_key));
  return {
    heads: heads.map(({ ordering_key, seq, available }) => ({
      orderingKey: ordering_key,
      seq: Number(seq),
      available: Number(available) === 1,
    })),
    last: rows.length < most ? undefined : rows.at(-1)!.ordering_key,
  };
}

/**
 * The subscription's turn: whoever claims of its keys holds it to the end of the claim, so that the leases of the one
 * before are there to be seen. Without it, a claim that has not committed yet and a delivery that comes in before the one
 * that it takes (requeued, or of a transaction that was slower) would put two of one key under way. By primary key.
 *
 * @returns false where the group is given nothing: it is paused, removed, or limited without this claim knowing of it
 */
export async function lockTurn(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, limited }: Claimer,
): Promise<boolean> {
  const rows = await read(
    on,
    `SELECT subscription_id FROM ${tables.keyed_turn}
     WHERE subscription_id = ? AND ${isServed(tables, limited)}${dialect.forUpdate}`,
    [subscriptionId, subscriptionId],
  );
  return rows.length === 1;
}

/** With the subscription, whose turn it is. */
export async function insertTurn(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<void> {
  await write(on, `INSERT INTO ${tables.keyed_turn} (subscription_id) VALUES (?)`, [subscriptionId]);
}

export async function deleteTurn(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<void> {
  await write(on, `DELETE FROM ${tables.keyed_turn} WHERE subscription_id = ?`, [subscriptionId]);
}

/** What of these keys is under way. Index (subscription_id, ordering_key, token): what waits behind it is not looked at. */
export async function findUnderWay(
  { tables }: Database,
  on: Connection,
  { subscriptionId, keys }: { subscriptionId: number; keys: readonly Buffer[] },
): Promise<KeyedDelivery[]> {
  const rows = await read<{ ordering_key: Buffer; seq: number | string }>(
    on,
    `SELECT ordering_key, seq FROM ${tables.delivery_keyed}
     WHERE subscription_id = ? AND ordering_key IN (${placeholders(keys.length)}) AND token IS NOT NULL`,
    [subscriptionId, ...keys],
  );
  return rows.map(({ ordering_key, seq }) => ({ orderingKey: ordering_key, seq: Number(seq) }));
}

/** The first of each of these keys, whatever it waits for: one row of each, along the primary key. */
export async function findFirsts(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, keys }: { subscriptionId: number; keys: readonly Buffer[] },
): Promise<KeyedDelivery[]> {
  const { from, key, keyHex, list } = listOfKeys(dialect, keys);
  const rows = await read<{ key_hex: string; seq: number | string | null }>(
    on,
    `SELECT ${keyHex} AS key_hex,
            (SELECT d.seq FROM ${tables.delivery_keyed} d
             WHERE d.subscription_id = ? AND d.ordering_key = ${key} ORDER BY d.seq LIMIT 1) AS seq
     FROM ${from}`,
    [subscriptionId, list],
  );
  return rows.flatMap(({ key_hex, seq }) =>
    seq === null ? [] : [{ orderingKey: Buffer.from(key_hex, 'hex'), seq: Number(seq) }],
  );
}

/** A table `k` of these keys: JSON carries no bytes. */
function listOfKeys(dialect: Dialect, keys: readonly Buffer[]) {
  const { engine } = dialect;
  if (engine === 'postgres') {
    const from = 'unnest(?::bytea[]) AS k(value)';
    return { from, key: 'k.value', keyHex: dialect.hex('k.value'), list: keys };
  }
  const list = JSON.stringify(keys.map((key) => key.toString('hex')));
  return engine === 'sqlite'
    ? { from: 'json_each(?) k', key: 'unhex(k.value)', keyHex: 'k.value', list }
    : {
        from: `JSON_TABLE(?, '$[*]' COLUMNS (value VARCHAR(510) CHARACTER SET latin1 PATH '$')) k`,
        key: 'UNHEX(k.value)',
        keyHex: 'k.value',
        list,
      };
}

/** Those that are available, locked. By primary key; one whose ACK is about to commit is passed over. */
export async function lockCandidates(
  database: Database,
  on: Connection,
  { subscriptionId, those }: { subscriptionId: number; those: readonly KeyedDelivery[] },
): Promise<ClaimableRow[]> {
  const { table, where, values } = placeOfAll(database, subscriptionId, those);
  const rows = await read<Parameters<typeof toClaimable>[0]>(
    on,
    `SELECT ${CLAIMABLE}, ordering_key FROM ${table}
     WHERE ${where} AND available_at <= ${database.dialect.now}${database.dialect.forUpdateSkipLocked}`,
    values,
  );
  return rows.map(toClaimable);
}
