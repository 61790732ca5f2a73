import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { tap } from 'rxjs';
import type { DataSource } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  OutboxPublisher,
  type PayloadOf,
  RejectMessageError,
  defineTopic,
  outsideTransaction,
} from '../../src/index.js';
import { CardRow, PaymentSucceeded } from '../support/cards.js';
import { AccountRow, Deposited } from './seeded-bugs.js';

/** Handlers whose bug hides well, and some that are right in a way that might look wrong. */

type Paid = PayloadOf<typeof PaymentSucceeded>;

const insertCard = ({ manager, group }: DeliveryContext, paymentId: string) =>
  manager.insert(CardRow, { paymentId, issuedBy: group });

/** A database that the library knows nothing of. */
export const other: { dataSource?: DataSource; mails: string[] } = { mails: [] };

const insertElsewhere = (paymentId: string) =>
  other.dataSource!.getRepository(CardRow).insert({ paymentId, issuedBy: 'elsewhere' });

export const CardIssued = defineTopic<{ cardId: string }>({
  name: 'card.issued',
  bizId: ({ cardId }) => cardId,
});

@Injectable()
export class WritesElsewhere {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
    await insertElsewhere(paymentId);
  }
}

@Injectable()
export class WritesElsewhereInAWhile {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
    outsideTransaction(() => setTimeout(() => void insertElsewhere(paymentId), 1));
  }
}

@Injectable()
export class SkipsRetries {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    if (delivery.attempt > 1) return;
    await insertCard(delivery, paymentId);
  }
}

@Injectable()
export class RemembersInMemory {
  private readonly done = new Set<string>();

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    if (this.done.has(paymentId)) return;
    this.done.add(paymentId);
    await insertCard(delivery, paymentId);
  }
}

@Injectable()
export class SettlesForLess {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await Promise.allSettled(['card', 'spare'].map((kind) => insertCard(delivery, `${paymentId}/${kind}`)));
  }
}

@Injectable()
export class SwallowsNested {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, `${paymentId}/card`);
    await delivery.manager
      .transaction((manager) => manager.insert(CardRow, { paymentId: `${paymentId}/spare`, issuedBy: 'x' }))
      .catch(() => undefined);
  }
}

@Injectable()
export class RejectsFailures {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId).catch((cause: unknown) => {
      throw new RejectMessageError('no card', { cause });
    });
  }
}

@Injectable()
export class ForgetsAndSwallows {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    insertCard(delivery, `${paymentId}/card`).catch(() => undefined);
    await insertCard(delivery, `${paymentId}/spare`);
  }
}

@Injectable()
export class MailingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const [{ paymentId }] = context.getArgs<[Paid]>();
    return next.handle().pipe(tap(() => other.mails.push(paymentId)));
  }
}

@Injectable()
export class MailsInAnInterceptor {
  @UseInterceptors(MailingInterceptor)
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, paymentId);
  }
}

abstract class Announcing {
  constructor(protected readonly outbox: OutboxPublisher) {}

  protected announce(paymentId: string): Promise<void> {
    return this.outbox.publish(CardIssued, { cardId: paymentId });
  }
}

@Injectable()
export class SwallowsPublishing extends Announcing {
  constructor(outbox: OutboxPublisher) {
    super(outbox);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, `${paymentId}/card`);
    await this.announce(paymentId).catch(() => undefined);
  }
}

@Injectable()
export class ForgetsToAwaitPublishing extends Announcing {
  constructor(outbox: OutboxPublisher) {
    super(outbox);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    void this.announce(paymentId);
    await insertCard(delivery, `${paymentId}/card`);
  }
}

@Injectable()
export class PublishesOutside {
  constructor(private readonly outbox: OutboxPublisher) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, `${paymentId}/card`);
    const cardId = `${paymentId}/${Math.random()}`;
    await outsideTransaction(() => this.outbox.publish(CardIssued, { cardId }, { standalone: true }));
  }
}

/** What the handlers above have announced has an effect of its own. */
@Injectable()
export class NotesCards {
  @IdempotentConsumer(CardIssued, { group: 'notes' })
  async note({ cardId }: PayloadOf<typeof CardIssued>, delivery: DeliveryContext): Promise<void> {
    await insertCard(delivery, `${cardId}/note`);
  }
}

@Injectable()
export class WritesReadsThenWrites {
  @IdempotentConsumer(Deposited, { group: 'accounts' })
  async add({ id, account, amount }: PayloadOf<typeof Deposited>, delivery: DeliveryContext): Promise<void> {
    const { manager } = delivery;
    await insertCard(delivery, id);
    const { balance } = await manager.findOneByOrFail(AccountRow, { id: account });
    await manager.update(AccountRow, { id: account }, { balance: balance + amount });
  }
}

@Injectable()
export class RightInParallel {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    await Promise.all(['card', 'spare'].map((kind) => insertCard(delivery, `${paymentId}/${kind}`)));
  }
}

@Injectable()
export class RightInParts extends Announcing {
  constructor(
    outbox: OutboxPublisher,
    private readonly once: IdempotentExecutor,
  ) {
    super(outbox);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, delivery: DeliveryContext): Promise<void> {
    const { manager } = delivery;
    if ((await manager.countBy(CardRow, { paymentId })) === 0) await insertCard(delivery, paymentId);
    await manager.transaction((part) =>
      part.insert(CardRow, { paymentId: `${paymentId}/part`, issuedBy: 'part' }),
    );
    await this.once.run({ scenario: 'spare', bizId: paymentId }, (own) =>
      own.insert(CardRow, { paymentId: `${paymentId}/spare`, issuedBy: 'once' }).then(() => undefined),
    );
    await this.announce(paymentId);
  }
}
