import { placeholders } from '../execute.js';
import type { Database } from '../tables.js';

/** A delivery of a subscription, by which it is found: what has an ordering key is in a table of its own. */
export interface DeliveryKey {
  seq: number;
  orderingKey?: Buffer | undefined;
}

export interface DeliveryPlace {
  table: string;
  /** By the whole primary key. */
  where: string;
  values: unknown[];
}

/** Where one delivery is. @param alias of the table with a dot, where the statement names others beside it */
export function placeOf(
  { delivery, delivery_keyed }: Database['tables'],
  { subscriptionId, seq, orderingKey }: DeliveryKey & { subscriptionId: number },
  alias = '',
): DeliveryPlace {
  const where = `${alias}subscription_id = ? AND ${alias}seq = ?`;
  if (!orderingKey) return { table: delivery, where, values: [subscriptionId, seq] };
  return {
    table: delivery_keyed,
    where: `${where} AND ${alias}ordering_key = ?`,
    values: [subscriptionId, seq, orderingKey],
  };
}

/**
 * The same of several that are in one table. By its other index, which servers like for a short one, a statement would also
 * meet the rows behind these, and wait for who is publishing them.
 *
 * @param alias of the table, where the statement names others beside it; on MySQL and MariaDB
 */
export function placeOfAll(
  { dialect, tables: { delivery, delivery_keyed } }: Database,
  subscriptionId: number,
  those: readonly DeliveryKey[],
  alias = '',
): DeliveryPlace {
  const [d, as] = alias ? [`${alias}.`, ` ${alias}`] : ['', ''];
  if (!those[0]?.orderingKey) {
    const where = `${d}subscription_id = ? AND ${d}seq IN (${placeholders(those.length)})`;
    return { table: `${delivery}${as}`, where, values: [subscriptionId, ...those.map(({ seq }) => seq)] };
  }
  if (dialect.engine === 'sqlite') {
    // Without statistics it takes a list of conditions for dearer than all rows of the subscription.
    const keys = those.map(({ orderingKey, seq }) => [orderingKey!.toString('hex'), seq]);
    return {
      table: delivery_keyed,
      where: `subscription_id = ? AND (ordering_key, seq) IN
                (SELECT unhex(json_extract(value, '$[0]')), json_extract(value, '$[1]') FROM json_each(?))`,
      values: [subscriptionId, JSON.stringify(keys)],
    };
  }
  const any = those.map(() => `(${d}ordering_key = ? AND ${d}seq = ?)`).join(' OR ');
  const byPrimaryKey = dialect.engine === 'mysql' ? ' FORCE INDEX (PRIMARY)' : '';
  return {
    table: `${delivery_keyed}${as}${byPrimaryKey}`,
    where: `${d}subscription_id = ? AND (${any})`,
    values: [subscriptionId, ...those.flatMap(({ orderingKey, seq }) => [orderingKey, seq])],
  };
}

/** Conditions of one statement: SQLite takes a thousand. */
const MOST_KEYED = 500;

/** In lists that one statement can take, each of one table. */
export function byPlace<T extends DeliveryKey>(deliveries: readonly T[], mostKeyed = MOST_KEYED): T[][] {
  const lists: T[][] = [];
  const plain = deliveries.filter(({ orderingKey }) => !orderingKey);
  if (plain.length > 0) lists.push(plain);
  const keyed = deliveries.filter(({ orderingKey }) => orderingKey);
  for (let from = 0; from < keyed.length; from += mostKeyed) lists.push(keyed.slice(from, from + mostKeyed));
  return lists;
}
