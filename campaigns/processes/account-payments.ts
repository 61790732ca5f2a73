import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import type { OutboxPublisher } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import { ask } from './ask.js';
import type { Line } from './history.js';
import { outcomeOf } from './outcome-of-publish.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { ACCOUNTS } from './task.js';

const LANES = 4;
/** Longest pause between two transactions of a lane, in milliseconds. */
const PAUSE_MS = 250;
/** Longest pause behind a publish, in milliseconds: time for another transaction to overtake. SQLite has one at a time. */
const LINGER_MS = { server: 20, sqlite: 2 };
/** Transactions that lock their account first, and so have an order that is known exactly. */
const LOCKING = 0.6;
/** Transactions with more than one payment, of an account. */
const SEVERAL = 0.2;
const MOST = 3;
/** Of those, how many hand all of them over in one call. */
const TOGETHER = 0.5;

/**
 * Every publisher pays into every account, and an account is an ordering key. Where the account is locked before the
 * publish, payments are numbered under that lock, so their numbers are the order that is promised. Elsewhere
 * transactions of one account overlap as they like.
 */
export class AccountPayments {
  private readonly lanes: Promise<void>[] = [];
  private stopped = false;
  /** Nobody pays until consumers have caught up. */
  held = false;
  private transactions = 0;

  constructor(
    private readonly name: string,
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
    private readonly write: (line: Line) => void,
    private readonly chance: Seeded,
    private readonly withKeys = true,
  ) {}

  start(): void {
    for (let lane = 0; lane < LANES; lane++) this.lanes.push(this.keepPaying());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.lanes);
  }

  private async keepPaying(): Promise<void> {
    while (!this.stopped) {
      if (!this.held) await this.pay(this.chance.pick(ACCOUNTS));
      await pause(this.chance.between(0, PAUSE_MS));
    }
  }

  /** The checker knows by its id in which transaction a payment was made, and as the which of it. */
  private async pay(account: string): Promise<void> {
    const transaction = `${this.name}-${++this.transactions}`;
    const count = this.chance.chance(SEVERAL) ? Math.ceil(this.chance.between(1, MOST)) : 1;
    const ids = Array.from({ length: count }, (_, i) => `${transaction}.${i + 1}`);
    const payments = ids.map((paymentId): Payment => ({ paymentId, telling: paymentId, copy: 0 }));
    const [locking, together] = [this.chance.chance(LOCKING), this.chance.chance(TOGETHER)];
    for (const { paymentId } of payments) this.write({ publish: 'attempted', bizId: paymentId, copies: 1 });
    let committing = false;
    const paying = this.dataSource.transaction(async (manager) => {
      const last = locking ? await takeNumbers(manager, account, count) : undefined;
      for (const [i, { paymentId }] of payments.entries()) {
        const number = last === undefined ? null : last - count + i + 1;
        await ask(
          manager,
          'INSERT INTO payment (payment_id, copies, account_id, number) VALUES (?, 1, ?, ?)',
          [paymentId, account, number],
        );
      }
      for (const call of together ? [payments] : payments.map((payment) => [payment])) {
        await this.publish(manager, account, call);
      }
      committing = true;
    });
    const outcome = await outcomeOf(paying, () => committing);
    for (const { paymentId } of payments) this.write({ ...outcome, bizId: paymentId });
  }

  private async publish(manager: EntityManager, account: string, payments: readonly Payment[]) {
    for (const { paymentId } of payments) this.write({ publish: 'began', bizId: paymentId });
    await this.outbox.publishAll(PaymentSucceeded, payments, {
      manager,
      ...(this.withKeys && { orderingKey: account }),
    });
    const onSqlite = this.dataSource.options.type === 'better-sqlite3';
    await pause(this.chance.between(0, LINGER_MS[onSqlite ? 'sqlite' : 'server']));
  }
}

/** Locks the account until COMMIT. @returns the last of `count` numbers, which nobody else gets */
async function takeNumbers(manager: EntityManager, account: string, count: number): Promise<number> {
  await ask(manager, 'UPDATE account SET payments = payments + ? WHERE account_id = ?', [count, account]);
  const rows = await ask<{ payments: number | string }>(
    manager,
    'SELECT payments FROM account WHERE account_id = ?',
    [account],
  );
  return Number(rows[0]!.payments);
}
