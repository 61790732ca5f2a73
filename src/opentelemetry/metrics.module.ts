import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type MeterProvider, metrics } from '@opentelemetry/api';
import { InvalidOptionError } from '../errors/index.js';
import {
  type MetricsOptions,
  MetricsSource,
  type ResolvedMetricsOptions,
  resolveMetricsOptions,
} from '../metrics/index.js';
import { observedIn } from '../observing/index.js';
import { meter } from './metrics.js';

export interface OpenTelemetryMetricsOptions extends MetricsOptions {
  /** Who makes the meter. @default the global one, as it is when the app starts */
  meterProvider?: MeterProvider;
}

type Resolved = ResolvedMetricsOptions & { meterProvider: MeterProvider | undefined };

const OPTIONS = Symbol('IdempotentMqMetricsModule options');
const METER = 'nestjs-idempotent-mq';

/** The metrics of `IdempotentMqModule`, or of the broker as a service, by OpenTelemetry. */
@Module({})
export class IdempotentMqMetricsModule implements OnModuleInit, OnApplicationShutdown {
  private end: () => void = () => undefined;

  constructor(
    @Inject(OPTIONS) private readonly options: Resolved,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {}

  /** @throws InvalidOptionError naming the option and what came */
  static forRoot(options: OpenTelemetryMetricsOptions = {}): DynamicModule {
    return {
      module: IdempotentMqMetricsModule,
      providers: [{ provide: OPTIONS, useValue: resolve(options) }],
    };
  }

  /** @throws ConfigurationError when the app has no such instance */
  onModuleInit(): void {
    const { instance, meterProvider = metrics.getMeterProvider() } = this.options;
    const observed = observedIn(this.moduleRef, instance, 'IdempotentMqMetricsModule');
    this.end = meter(meterProvider.getMeter(METER), new MetricsSource(observed, this.options));
  }

  onApplicationShutdown(): void {
    this.end();
  }
}

function resolve({ meterProvider, ...options }: OpenTelemetryMetricsOptions): Resolved {
  if (meterProvider !== undefined && typeof meterProvider?.getMeter !== 'function')
    throw new InvalidOptionError(
      'meterProvider',
      meterProvider,
      'a MeterProvider of OpenTelemetry, or left out',
    );
  return { ...resolveMetricsOptions(options, ['meterProvider']), meterProvider };
}
