import { Inject, type Type } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import {
  type Acked,
  AtLeastOnceConsumer,
  type AtLeastOnceConsumerOptions,
  type AtLeastOnceDelivery,
} from '../../src/index.js';
import { ask } from '../processes/ask.js';
import type { Card } from '../processes/issuing.js';
import { type Payment, PaymentSucceeded } from '../processes/payment.js';
import { GROUPS, TASK, type Task } from '../processes/task.js';
import { Seeded } from '../seeded.js';

export interface Attempt {
  dataSource: DataSource;
  card: Card;
  delivery: AtLeastOnceDelivery;
}

/** Both groups, handled by somebody who does the consumer's part of the protocol by hand. */
export function brokenConsumer(
  handle: (attempt: Attempt) => Promise<Acked>,
  settings: Pick<AtLeastOnceConsumerOptions, 'retry'> = {},
): Type {
  class Broken {
    private readonly chance: Seeded;

    constructor(
      @Inject(TASK) private readonly task: Task,
      @Inject(getDataSourceToken()) private readonly dataSource: DataSource,
    ) {
      this.chance = new Seeded(`${task.seed}/handlers`);
    }

    @AtLeastOnceConsumer(PaymentSucceeded, { group: GROUPS[0], ...settings })
    print(payment: Payment, delivery: AtLeastOnceDelivery): Promise<Acked> {
      return this.issue(payment, delivery);
    }

    @AtLeastOnceConsumer(PaymentSucceeded, { group: GROUPS[1], ...settings })
    add(payment: Payment, delivery: AtLeastOnceDelivery): Promise<Acked> {
      return this.issue(payment, delivery);
    }

    private issue({ paymentId }: Payment, delivery: AtLeastOnceDelivery): Promise<Acked> {
      const card = { paymentId, group: delivery.group, name: this.task.name, chance: this.chance };
      return handle({ dataSource: this.dataSource, card, delivery });
    }
  }
  return Broken;
}

/** @returns whether it was not there before */
export async function insertOwnDedup(
  on: DataSource | EntityManager,
  { group, paymentId }: Attempt['card'],
): Promise<boolean> {
  const insert = 'INSERT INTO own_dedup (grp, payment_id) VALUES (?, ?)';
  const key = [group, paymentId];
  // An error would end the transaction.
  if (('options' in on ? on : on.dataSource).options.type === 'postgres') {
    return (await ask(on, `${insert} ON CONFLICT DO NOTHING RETURNING grp`, key)).length === 1;
  }
  try {
    await ask(on, insert, key);
    return true;
  } catch (error) {
    if (/duplicate entry|unique constraint/i.test(String(error))) return false;
    throw error;
  }
}
