import { setTimeout as pause } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { Seeded } from '../seeded.js';
import { ask } from './ask.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { GROUPS, TASK, type Task } from './task.js';

/**
 * Longest time that a handler takes before and after its effect, in milliseconds: long enough to be killed in. On SQLite,
 * which has one writer at a time, everybody waits for it.
 */
const WORK_MS = { server: 15, sqlite: 3 };

export interface Card {
  paymentId: string;
  group: string;
  /** Of the process. */
  name: string;
  /** What its handler draws from how long it takes. */
  chance: Seeded;
  /** When its message landed, where the checker is to know. */
  landedAt?: Date;
}

export const SHARED = 'shared a transaction';

/** Handlers that were called in a transaction in which another one had been. */
export const sharing = { met: new WeakSet<EntityManager>(), note: (): void => undefined };

/** The effect: a row for each card. */
export async function issueCard(
  manager: EntityManager,
  { paymentId, group, name, chance, landedAt }: Card,
): Promise<void> {
  if (sharing.met.has(manager)) sharing.note();
  sharing.met.add(manager);
  await work(manager, chance);
  await ask(manager, 'INSERT INTO card (payment_id, issued_by, process, landed_at) VALUES (?, ?, ?, ?)', [
    paymentId,
    group,
    name,
    landedAt === undefined ? null : landedAt.getTime() * 1_000,
  ]);
  await work(manager, chance);
}

function work({ dataSource }: EntityManager, chance: Seeded): Promise<void> {
  const onSqlite = dataSource.options.type === 'better-sqlite3';
  return pause(chance.between(0, WORK_MS[onSqlite ? 'sqlite' : 'server']));
}

/** The library as it is meant to be used. */
export class CardIssuing {
  private readonly chance: Seeded;

  constructor(@Inject(TASK) private readonly task: Task) {
    this.chance = new Seeded(`${task.seed}/handlers`);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[0] })
  print(payment: Payment, delivery: DeliveryContext): Promise<void> {
    return this.issue(payment, delivery);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[1] })
  add(payment: Payment, delivery: DeliveryContext): Promise<void> {
    return this.issue(payment, delivery);
  }

  private issue({ paymentId }: Payment, { manager, group }: DeliveryContext): Promise<void> {
    return issueCard(manager, { paymentId, group, name: this.task.name, chance: this.chance });
  }
}
