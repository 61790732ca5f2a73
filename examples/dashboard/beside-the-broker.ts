import { Module } from '@nestjs/common';
import { OperatorsGuard } from './operators.guard.js';
// #region beside-the-broker
import { IdempotentMqBrokerModule } from '../../src/index.js';
import { IdempotentMqDashboardModule } from '../../src/dashboard/index.js';

const broker = IdempotentMqBrokerModule.forRoot({
  dataSource: { type: 'mysql', url: process.env.BROKER_DATABASE_URL },
  tokens: [{ name: 'shop', sha256: process.env.SHOP_TOKEN_SHA256!, publish: 'all', consume: 'all' }],
});

@Module({
  imports: [
    broker,
    IdempotentMqDashboardModule.forRoot({ guards: [OperatorsGuard], readOnly: true, imports: [broker] }),
  ],
})
export class BrokerApp {}
// #endregion
