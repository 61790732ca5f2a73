import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { IdempotentMqModule } from '../../src/index.js';
import { Card } from './card.entity.js';
import { CardsController } from './cards.controller.js';

@Module({})
export class CardsModule {
  static on(database: DataSourceOptions): DynamicModule {
    return {
      module: CardsModule,
      imports: [
        TypeOrmModule.forRoot({ ...database, entities: [Card], synchronize: true }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
      ],
      controllers: [CardsController],
    };
  }
}
