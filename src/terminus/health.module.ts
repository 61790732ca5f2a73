import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HEALTH_OPTIONS, IdempotentMqHealthIndicator } from './health-indicator.js';
import { type HealthOptions, resolveHealthOptions } from './thresholds.js';

/** Has {@link IdempotentMqHealthIndicator} for whoever imports it. */
@Module({})
export class IdempotentMqHealthModule {
  /** @throws InvalidOptionError naming the option and what came */
  static forRoot(options: HealthOptions = {}): DynamicModule {
    return {
      module: IdempotentMqHealthModule,
      imports: [TerminusModule],
      providers: [
        { provide: HEALTH_OPTIONS, useValue: resolveHealthOptions(options) },
        IdempotentMqHealthIndicator,
      ],
      exports: [IdempotentMqHealthIndicator],
    };
  }
}
