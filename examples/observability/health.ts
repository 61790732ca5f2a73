import { Controller, Get, Module } from '@nestjs/common';
// #region health
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { IdempotentMqHealthIndicator, IdempotentMqHealthModule } from '../../src/terminus/index.js';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly mq: IdempotentMqHealthIndicator,
  ) {}

  /** For a liveness probe: a restart helps. */
  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([() => this.mq.isAlive()]);
  }

  /** For people and alerts. */
  @Get()
  @HealthCheck()
  all() {
    return this.health.check([() => this.mq.isHealthy()]);
  }
}

@Module({
  imports: [TerminusModule, IdempotentMqHealthModule.forRoot({ waitingMs: 60_000, deadLetters: 0 })],
  controllers: [HealthController],
})
export class HealthModule {}
// #endregion
