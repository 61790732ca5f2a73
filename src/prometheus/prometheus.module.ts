import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { register as globalRegistry } from 'prom-client';
import { InvalidOptionError } from '../errors/index.js';
import {
  type MetricsOptions,
  MetricsSource,
  type ResolvedMetricsOptions,
  resolveMetricsOptions,
} from '../metrics/index.js';
import { observedIn } from '../observing/index.js';
import { type AnyRegistry, register } from './registered.js';

export interface PrometheusOptions extends MetricsOptions {
  /** Where the metrics are registered. @default prom-client's own, `register` */
  registry?: AnyRegistry;
}

type Resolved = ResolvedMetricsOptions & { registry: AnyRegistry };

const OPTIONS = Symbol('IdempotentMqPrometheusModule options');

/** The metrics of `IdempotentMqModule`, or of the broker as a service, in a registry of prom-client. */
@Module({})
export class IdempotentMqPrometheusModule implements OnModuleInit, OnApplicationShutdown {
  private unregister: () => void = () => undefined;

  constructor(
    @Inject(OPTIONS) private readonly options: Resolved,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {}

  /** @throws InvalidOptionError naming the option and what came */
  static forRoot(options: PrometheusOptions = {}): DynamicModule {
    return {
      module: IdempotentMqPrometheusModule,
      providers: [{ provide: OPTIONS, useValue: resolve(options) }],
    };
  }

  /** @throws ConfigurationError when the app has no such instance */
  onModuleInit(): void {
    const { registry, instance } = this.options;
    const observed = observedIn(this.moduleRef, instance, 'IdempotentMqPrometheusModule');
    this.unregister = register(registry, new MetricsSource(observed, this.options));
  }

  onApplicationShutdown(): void {
    this.unregister();
  }
}

function resolve({ registry = globalRegistry, ...options }: PrometheusOptions): Resolved {
  if (typeof (registry as Partial<AnyRegistry> | null)?.registerMetric !== 'function')
    throw new InvalidOptionError('registry', registry, 'a Registry of prom-client, or left out for its own');
  return { ...resolveMetricsOptions(options, ['registry']), registry };
}
