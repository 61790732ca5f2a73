import { OperatorsGuard } from './operators.guard.js';
// #region dashboard-module
import { Module } from '@nestjs/common';
import { IdempotentMqDashboardModule } from '../../src/dashboard/index.js';

@Module({
  imports: [
    IdempotentMqDashboardModule.forRoot({
      path: 'ops/messages',
      guards: [OperatorsGuard],
      title: 'Shop, production',
      redact: (value, { kind, topic }) => (kind === 'body' && topic === 'card.ordered' ? undefined : value),
    }),
  ],
})
export class OperatingModule {}
// #endregion
