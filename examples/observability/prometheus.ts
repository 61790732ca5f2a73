import { Controller, Get, Header, Module } from '@nestjs/common';
// #region prometheus
import { IdempotentMqPrometheusModule } from '../../src/prometheus/index.js';
import { register } from 'prom-client';

@Controller('metrics')
export class MetricsController {
  @Get()
  @Header('content-type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}

@Module({
  imports: [IdempotentMqPrometheusModule.forRoot()], // or { registry } for one of your own
  controllers: [MetricsController],
})
export class MetricsModule {}
// #endregion
