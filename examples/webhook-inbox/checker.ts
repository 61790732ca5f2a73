import type { DataSource } from 'typeorm';
import type { Delivery } from './github/deliveries.js';

export interface Verdict {
  webhooks: number;
  activities: number;
  /** Deliveries without a row, or with another payload than was sent, or missing in the activity feed. */
  lost: number;
  /** Rows beyond the first of a delivery, here or there. */
  doubled: number;
}

/** The independent judge: plain SQL over the application's own tables, against what was sent. */
export async function check(database: DataSource, deliveries: readonly Delivery[]): Promise<Verdict> {
  const webhooks = await database.query('SELECT delivery_id AS id, payload FROM webhook');
  const activities = await database.query('SELECT delivery_id AS id FROM activity');
  const stored = new Map<string, string>(webhooks.map((row: Row) => [row.id, row.payload]));
  const listed = new Set<string>(activities.map((row: Row) => row.id));
  const isLost = ({ id, payload }: Delivery) => stored.get(id) !== JSON.stringify(payload) || !listed.has(id);
  return {
    webhooks: webhooks.length,
    activities: activities.length,
    lost: deliveries.filter(isLost).length,
    doubled: webhooks.length - stored.size + (activities.length - listed.size),
  };
}

interface Row {
  id: string;
  payload: string;
}
