import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { ActivityFeed } from './activity-feed.js';
import { Activity } from './activity.entity.js';
import { GithubWebhooksController } from './github-webhooks.controller.js';
import { Webhook } from './webhook.entity.js';

@Module({})
export class InboxModule {
  static on(database: DataSourceOptions): DynamicModule {
    return {
      module: InboxModule,
      imports: [
        TypeOrmModule.forRoot({ ...database, entities: [Webhook, Activity], synchronize: true }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
      ],
      controllers: [GithubWebhooksController],
      providers: [ActivityFeed],
    };
  }
}
