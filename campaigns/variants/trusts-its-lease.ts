import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { engineOfOptions } from '../databases/create.js';
import { nowOn } from '../databases/now.js';
import { ask } from '../processes/ask.js';
import { issueCard } from '../processes/issuing.js';
import { type Attempt, brokenConsumer } from './broken-consumer.js';
import type { Variant } from './variant.js';

/** Microseconds. */
const LEASE = 1_500_000;
/** Between two looks whether the lock is free, in milliseconds. */
const LOOK_MS = 50;

/**
 * In place of a dedup row in the transaction of the effect there is a lock with a time limit: it is taken, then comes a look
 * whether the card is there, then the card. That holds whoever dies and whatever gets lost. It does not hold if somebody is
 * woken when the lock is another's.
 */
export const trustsItsLease: Variant = {
  name: 'trusts-its-lease',
  damage: 'doubled',
  campaigns: ['pause'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  spoil: async ({ rawBusiness }) => {
    await rawBusiness.query(
      `CREATE TABLE own_lock (grp VARCHAR(100) NOT NULL, payment_id VARCHAR(100) NOT NULL, until BIGINT NOT NULL,
         PRIMARY KEY (grp, payment_id))`,
    );
  },
  consumer: brokenConsumer(async ({ dataSource, card, delivery }) => {
    while (!(await takeLock(dataSource, card))) await pause(LOOK_MS);
    const ofIt = [card.group, card.paymentId];
    const cards = await ask(dataSource, 'SELECT 1 FROM card WHERE issued_by = ? AND payment_id = ?', ofIt);
    if (cards.length === 0) await issueCard(dataSource.manager, card);
    await ask(dataSource, 'DELETE FROM own_lock WHERE grp = ? AND payment_id = ?', ofIt);
    return delivery.ack();
  }),
};

async function takeLock(dataSource: DataSource, { group, paymentId }: Attempt['card']): Promise<boolean> {
  const now = nowOn(engineOfOptions(dataSource.options));
  await ask(dataSource, `DELETE FROM own_lock WHERE grp = ? AND payment_id = ? AND until < ${now}`, [
    group,
    paymentId,
  ]);
  try {
    await ask(dataSource, `INSERT INTO own_lock (grp, payment_id, until) VALUES (?, ?, ${now} + ${LEASE})`, [
      group,
      paymentId,
    ]);
    return true;
  } catch (error) {
    if (/duplicate entry|unique constraint/i.test(String(error))) return false;
    throw error;
  }
}
