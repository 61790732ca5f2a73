import { Inject, Injectable } from '@nestjs/common';
// #region settings
import {
  IdempotentMqModule,
  type IdempotentMqOptions,
  type IdempotentMqOptionsFactory,
  InjectOutboxPublisher,
  OutboxPublisher,
  BrokerService,
  getBrokerServiceToken,
} from '../../src/index.js';

@Injectable()
export class MqSettings implements IdempotentMqOptionsFactory {
  createIdempotentMqOptions(): IdempotentMqOptions {
    return { schema: process.env.NODE_ENV === 'production' ? 'migrations' : 'ensure' };
  }
}

/** For imports; with useExisting in place of useClass it takes the instance of a module in its `imports`. */
export const abroadModule = () =>
  IdempotentMqModule.forRootAsync({ name: 'abroad', dataSource: 'far', useClass: MqSettings });

@Injectable()
export class Abroad {
  constructor(
    @InjectOutboxPublisher('abroad') readonly outbox: OutboxPublisher,
    @Inject(getBrokerServiceToken('abroad')) readonly broker: BrokerService,
  ) {}
}
// #endregion
