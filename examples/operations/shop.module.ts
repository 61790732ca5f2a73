import { type DynamicModule, Inject, Module, type Type } from '@nestjs/common';
import { HealthCheckService } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { IdempotentMqEvents, IdempotentMqModule } from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { IdempotentMqHealthIndicator } from '../../src/terminus/index.js';
import { OperatingModule } from '../dashboard/dashboard.module.js';
import { CardIssuing } from '../demo/card-system/card-issuing.js';
import { CardPress } from '../demo/card-system/card-press.js';
import { Card } from '../demo/card-system/card.entity.js';
import { SmsGateway } from '../demo/card-system/sms-gateway.js';
import { Texting } from '../demo/card-system/texting.js';
import { Payment } from '../demo/payment-system/payment.entity.js';
import { Payments } from '../demo/payment-system/payments.js';
import { HealthController, HealthModule } from '../observability/health.js';
import { Oncall, Pager } from '../observability/pager.js';
import { MetricsModule } from '../observability/prometheus.js';
import { TRACING, TracesController, type Tracing } from './traces.js';
import { JammingPress, PickyGateway, UnknownNumberError } from './troubles.js';

// tsx leaves out the types of constructors, by which Nest finds what they ask for. tsc and SWC don't.
injectInto(HealthController, HealthCheckService, IdempotentMqHealthIndicator);
injectInto(Pager, IdempotentMqEvents, Oncall);

/** Payments and card issuing, with all that one operates them by. */
@Module({})
export class Shop {
  static on(database: DataSourceOptions, tracing: Tracing): DynamicModule {
    return {
      module: Shop,
      imports: [
        TypeOrmModule.forRoot({ ...database, entities: [Payment, Card], synchronize: true }),
        IdempotentMqModule.forRoot({
          schema: 'ensure',
          tracing: openTelemetryTracing(),
          consumers: { retry: { retryIf: (error) => !(error instanceof UnknownNumberError) } },
        }),
        MetricsModule,
        HealthModule,
        OperatingModule,
      ],
      controllers: [TracesController],
      providers: [
        Payments,
        CardIssuing,
        Texting,
        { provide: CardPress, useClass: JammingPress },
        { provide: SmsGateway, useClass: PickyGateway },
        Pager,
        { provide: Oncall, useValue: { page: (text: string) => console.log(`  pager: ${text}`) } },
        { provide: TRACING, useValue: tracing },
      ],
    };
  }
}

function injectInto(into: Type, ...needed: Type[]): void {
  needed.forEach((type, index) => Inject(type)(into, undefined, index));
}
