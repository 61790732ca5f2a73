import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, EntitySchema } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
  defineTopic,
  outsideTransaction,
} from '../../src/index.js';
import { CardRow, PaymentSucceeded } from '../support/cards.js';

/** Handlers that a crash matrix must find fault with, and one with which it must not. */

type Paid = PayloadOf<typeof PaymentSucceeded>;

const insertCard = ({ manager, group }: DeliveryContext, paymentId: string) =>
  manager.insert(CardRow, { paymentId, issuedBy: group });

@Injectable()
export class Correct {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, `${paymentId}/card`);
    await insertCard(delivery, `${paymentId}/spare`);
  }
}

@Injectable()
export class MailsInside {
  readonly mails: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
    this.mails.push(paymentId);
  }
}

@Injectable()
export class UsesOuterDataSource {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid): Promise<void> {
    await this.dataSource.getRepository(CardRow).insert({ paymentId, issuedBy: 'cards' });
  }
}

@Injectable()
export class StepsOutside {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    const card = { paymentId: `${paymentId}/outside`, issuedBy: 'cards' };
    await outsideTransaction(() => this.dataSource.getRepository(CardRow).insert(card));
    await insertCard(delivery, paymentId);
  }
}

@Injectable()
export class SwallowsErrors {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, `${paymentId}/card`);
    await insertCard(delivery, `${paymentId}/spare`).catch(() => undefined);
  }
}

@Injectable()
export class ForgetsAnAwait {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    void insertCard(delivery, `${paymentId}/card`);
    await insertCard(delivery, `${paymentId}/spare`);
  }
}

export class AccountRow {
  id!: string;
  balance!: number;
}

export const AccountTable = new EntitySchema<AccountRow>({
  target: AccountRow,
  name: 'AccountRow',
  tableName: 'account',
  columns: { id: { type: 'varchar', length: 100, primary: true }, balance: { type: 'int' } },
});

export const Deposited = defineTopic<{ id: string; account: string; amount: number }>({
  name: 'money.deposited',
  bizId: ({ id }) => id,
});

@Injectable()
export class ReadsThenWrites {
  @IdempotentConsumer(Deposited, { group: 'accounts' })
  async add({ account, amount }: PayloadOf<typeof Deposited>, { manager }: DeliveryContext): Promise<void> {
    const { balance } = await manager.findOneByOrFail(AccountRow, { id: account });
    await manager.update(AccountRow, { id: account }, { balance: balance + amount });
  }
}

@Injectable()
export class LocksThenWrites {
  @IdempotentConsumer(Deposited, { group: 'accounts' })
  async add({ account, amount }: PayloadOf<typeof Deposited>, { manager }: DeliveryContext): Promise<void> {
    const where = { id: account };
    const lock = { mode: 'pessimistic_write' } as const;
    const { balance } = await manager.findOneOrFail(AccountRow, { where, lock });
    await manager.update(AccountRow, where, { balance: balance + amount });
  }
}

export const ofTheUser = defineTopic<{ paymentId: string; userId: string }>({
  name: 'payment.by-user',
  bizId: ({ userId }) => userId,
});

@Injectable()
export class CountsUsers {
  @IdempotentConsumer(ofTheUser, { group: 'cards' })
  async issue({ paymentId }: PayloadOf<typeof ofTheUser>, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
  }
}

export const ofTheRequest = defineTopic<{ paymentId: string; requestId: string }>({
  name: 'payment.by-request',
  bizId: ({ requestId }) => requestId,
});

export const newRequest = (paymentId: string) => ({ paymentId, requestId: randomUUID() });

@Injectable()
export class CountsRequests {
  @IdempotentConsumer(ofTheRequest, { group: 'cards' })
  async issue({ paymentId }: PayloadOf<typeof ofTheRequest>, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
  }
}

/** What is done when the handler has returned, and another run with it. */
@Injectable()
export class MailsLater {
  readonly mails: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
    // The first one, at the end of the second one.
    if (this.last !== undefined) this.mails.push(this.last);
    this.last = paymentId;
  }

  private last: string | undefined;
}

@Injectable()
export class WritesLater {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
    setTimeout(() => void insertCard(delivery, `${paymentId}/late`), 5);
  }
}

/** From the third one on, until it is let go. */
@Injectable()
export class WaitsForEver {
  private handled = 0;
  letGo!: () => void;
  private readonly forEver = new Promise<void>((resolve) => (this.letGo = resolve));

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    if (++this.handled > 2) await this.forEver;
    await insertCard(delivery, paymentId);
  }
}

@Injectable()
export class LocksThenWritesAlone {
  @IdempotentConsumer(Deposited, { group: 'accounts', concurrency: 1 })
  async add({ account, amount }: PayloadOf<typeof Deposited>, { manager }: DeliveryContext): Promise<void> {
    await manager.increment(AccountRow, { id: account }, 'balance', amount);
  }
}
