import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { CardsModule } from './cards.module.js';
import { receiving } from './microservice.js';

const { RABBITMQ_URL = 'amqp://guest:guest@127.0.0.1:5672', DATABASE = 'cards.sqlite' } = process.env;

const app = await NestFactory.createMicroservice(
  CardsModule.on({ type: 'better-sqlite3', database: DATABASE }),
  receiving({ url: RABBITMQ_URL, queue: 'cards' }),
);
// Or what was handed out and not acknowledged is lost with the process, until RabbitMQ notices.
app.enableShutdownHooks();
await app.listen();
