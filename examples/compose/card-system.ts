import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../src/index.js';
import { CardIssuing } from '../demo/card-system/card-issuing.js';
import { CardPress } from '../demo/card-system/card-press.js';
import { Card } from '../demo/card-system/card.entity.js';
import { readEnvironment } from './environment.js';

const { databaseUrl, broker } = readEnvironment();

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mariadb', url: databaseUrl, entities: [Card], synchronize: true }),
    IdempotentMqModule.forRoot({ schema: 'ensure', broker }),
  ],
  providers: [CardIssuing, CardPress],
})
class CardSystem {}

const app = await NestFactory.createApplicationContext(CardSystem);
app.enableShutdownHooks();
