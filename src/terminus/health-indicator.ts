import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { type Observed, StatusReader, observedIn } from '../observing/index.js';
import { problemsOfFailing, problemsOfHanging, problemsOfStatus } from './problems.js';
import { type HealthThresholds, type ResolvedHealthOptions, resolveThresholds } from './thresholds.js';

/** @internal */
export const HEALTH_OPTIONS = Symbol('IdempotentMqHealthModule options');

/** What of the library is well, for `HealthCheckService` of @nestjs/terminus. */
@Injectable()
export class IdempotentMqHealthIndicator implements OnModuleInit {
  private observed!: Observed;
  private reader!: StatusReader;

  /** @internal */
  constructor(
    @Inject(HEALTH_OPTIONS) private readonly options: ResolvedHealthOptions,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(HealthIndicatorService) private readonly health: HealthIndicatorService,
  ) {}

  /** @internal */
  onModuleInit(): void {
    this.observed = observedIn(this.moduleRef, this.options.instance, 'IdempotentMqHealthModule');
    this.reader = new StatusReader(() => this.observed.operations.status(), this.options);
  }

  /**
   * Whether the loops of this process go round: its relay and its workers. It asks no database, and one that is away does
   * not make it down: a restart helps where it is, so it is for a liveness probe.
   *
   * @param thresholds in place of the module's
   * @throws InvalidOptionError naming the option and what came
   */
  isAlive(key = 'idempotent-mq', thresholds: Pick<HealthThresholds, 'loopMs'> = {}): HealthIndicatorResult {
    const all = resolveThresholds(thresholds, this.options.thresholds);
    return this.answer(key, problemsOfHanging(this.observed.loops.list(), all));
  }

  /**
   * Whether all is well: the loops of this process, and what is in the databases, which other processes have their part
   * in. For people and for alerts: a process that is taken out of service for a backlog makes it longer.
   *
   * @param thresholds in place of the module's
   * @throws InvalidOptionError naming the option and what came
   */
  async isHealthy(key = 'idempotent-mq', thresholds: HealthThresholds = {}): Promise<HealthIndicatorResult> {
    const all = resolveThresholds(thresholds, this.options.thresholds);
    const answer = await this.reader.latest();
    const loops = this.observed.loops.list();
    return this.answer(key, [
      ...problemsOfHanging(loops, all),
      ...problemsOfFailing(loops, all),
      ...problemsOfStatus(answer, all),
    ]);
  }

  private answer(key: string, problems: readonly string[]): HealthIndicatorResult {
    const session = this.health.check(key);
    return problems.length === 0 ? session.up() : session.down({ problems });
  }
}
