import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Account, AccountView } from './entities.js';
// #region in order
import { DeliveryContext, IdempotentConsumer, OutboxPublisher, defineTopic } from '../../src/index.js';

export interface StatusChange {
  changeId: string;
  account: string;
  status: string;
}

export const StatusChanged = defineTopic<StatusChange>({
  name: 'account.status-changed',
  bizId: ({ changeId }) => changeId,
});

@Injectable()
export class Accounts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
  ) {}

  async change(change: StatusChange): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      // It locks the account until the COMMIT: two changes of one account come one after the other.
      await manager.update(Account, change.account, { status: change.status });
      await this.outbox.publish(StatusChanged, change, { manager, orderingKey: change.account });
    });
  }
}

@Injectable()
export class AccountViews {
  @IdempotentConsumer(StatusChanged, { group: 'account-views', retry: { attempts: 8 } })
  async show({ account, status }: StatusChange, delivery: DeliveryContext) {
    await delivery.manager.update(AccountView, account, { status }); // the newest one is the last
  }
}
// #endregion
