import type { DataSource } from 'typeorm';
import { setTimeout as pause } from 'node:timers/promises';
import type { OutboxPublisher } from '../../src/index.js';
import { PaymentSucceeded } from '../processes/payment.js';
import type { Charge } from './charges.js';
import type { Publish, Record } from './record.js';
import type { Simulation } from './simulation.js';

const ACCOUNTS = ['account-1', 'account-2'];
const MAX_COPIES = 3;
const UNDONE = new Error('The business has changed its mind.');

/** What a lane of a publisher has still to do; it outlives its process, which may die over it. */
export interface Lane {
  readonly name: string;
  left: number;
}

export interface PayingParts {
  readonly simulation: Simulation;
  readonly record: Record;
  readonly dataSource: DataSource;
  readonly outbox: OutboxPublisher;
  readonly withKeys: boolean;
}

/** Pays, one payment after the other, and writes down what it attempted and what it was told. */
export async function pay(lane: Lane, parts: PayingParts): Promise<void> {
  const { chance } = parts.simulation;
  while (lane.left > 0) {
    await pause(chance.between(0, 3_000));
    lane.left--;
    await payOnce(lane, parts);
  }
}

async function payOnce(
  lane: Lane,
  { simulation, record, dataSource, outbox, withKeys }: PayingParts,
): Promise<void> {
  const { chance, faults } = simulation;
  const publish = drawPublish(lane, simulation, record);
  const undone = faults.hits('publish rolled back');
  record.publishes.push(publish);
  const { id, bizId, copies, key } = publish;
  const options =
    key !== undefined
      ? { ...(withKeys && { orderingKey: key }) }
      : chance.chance(0.15)
        ? { delayMs: Math.ceil(chance.between(1, 5_000)) }
        : {};
  let isCommitting = false;
  try {
    await dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO publish VALUES (?)', [id]);
      const charges = Array.from({ length: copies }, (_, copy): Charge => ({
        paymentId: bizId,
        telling: id,
        copy,
        message: `${id}#${copy}`,
        account: key ?? bizId,
      }));
      await outbox.publishAll(PaymentSucceeded, charges, { manager, ...options });
      if (undone) throw UNDONE;
      isCommitting = true;
    });
    publish.outcome = 'acknowledged';
    publish.acknowledgedAt = simulation.now;
  } catch {
    publish.outcome = isCommitting ? 'unknown' : 'failed';
  }
}

function drawPublish(
  { name, left }: Lane,
  { chance, faults, now }: Simulation,
  { publishes }: Record,
): Publish {
  const id = `${name}-${left}`;
  const isRepeat = faults.includes('told of again') && publishes.length > 0 && chance.chance(0.3);
  const former = isRepeat ? chance.pick(publishes) : undefined;
  if (former && !faults.areOver) faults.count('told of again');
  return {
    id,
    bizId: former?.bizId ?? `payment-${id}`,
    copies: chance.chance(0.2) ? Math.ceil(chance.between(1, MAX_COPIES)) : 1,
    key: former ? former.key : chance.chance(0.6) ? chance.pick(ACCOUNTS) : undefined,
    beganAt: now,
    outcome: 'unknown',
    acknowledgedAt: Infinity,
  };
}
