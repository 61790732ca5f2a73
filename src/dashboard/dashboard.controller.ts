import {
  Controller,
  Get,
  Inject,
  Param,
  Post,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { Dashboard } from './dashboard.js';
import type { IdempotentMqDashboardExtras } from './dashboard.options.js';
import type { AnyRequest, AnyResponse } from './http/exchange.js';

/** Parameters have no decorated types: an app's global pipes would read them. */
class DashboardRoutes {
  constructor(@Inject(Dashboard) private readonly dashboard: Dashboard) {}

  @Get()
  page(@Req() request: AnyRequest, @Res() response: AnyResponse): void {
    this.dashboard.page({ request, response });
  }

  @Get('assets/:name')
  asset(@Req() request: AnyRequest, @Res() response: AnyResponse, @Param('name') name: string): void {
    this.dashboard.asset(name, { request, response });
  }

  @Get('live')
  live(@Req() request: AnyRequest, @Res() response: AnyResponse): void {
    this.dashboard.live({ request, response });
  }

  @Get('api/:name')
  read(@Req() request: AnyRequest, @Res() response: AnyResponse, @Param('name') name: string): Promise<void> {
    return this.dashboard.read(name, { request, response });
  }

  @Post('api/:name')
  act(@Req() request: AnyRequest, @Res() response: AnyResponse, @Param('name') name: string): Promise<void> {
    return this.dashboard.act(name, { request, response });
  }
}

/** The routes below a path, and behind guards. A class of its own for each: Nest keeps both as its metadata. */
export function routesBelow(path: string, guards: IdempotentMqDashboardExtras['guards']): Type {
  class IdempotentMqDashboardController extends DashboardRoutes {}
  Controller({ path, version: VERSION_NEUTRAL })(IdempotentMqDashboardController);
  UseGuards(...guards)(IdempotentMqDashboardController);
  return IdempotentMqDashboardController;
}
