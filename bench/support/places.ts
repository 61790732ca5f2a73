import { createJetstream } from '../../test/support/jetstream.js';
import { createRabbitmq } from '../../test/support/rabbitmq.js';
import type { IdempotentMqOptions } from '../../src/index.js';
import { type BenchDatabase, createDatabase } from './database.js';
import { serve } from './served.js';
import type { ServerName, Urls } from './servers.js';

/** Where a chain runs: the business's database, and how it reaches its broker. */
export interface Place {
  business: BenchDatabase;
  options: IdempotentMqOptions;
  /** All that was made for it goes. */
  close: () => Promise<void>;
}

/** What all others are compared with. */
export const BASE = 'one database';
export const SHAPES = [
  BASE,
  'a database each',
  'a service',
  'RabbitMQ in its place',
  'JetStream in its place',
  'one database, PostgreSQL',
  'one database, SQLite',
] as const;
export type Shape = (typeof SHAPES)[number];

/** JetStream's default: the tests have a shorter one. */
const ACK_WAIT_MS = 30_000;

/** What has to run beside the database of most of them. */
export const NEEDS: Partial<Record<Shape, ServerName>> = {
  'RabbitMQ in its place': 'rabbitmq',
  'JetStream in its place': 'jetstream',
  'one database, PostgreSQL': 'postgres',
};

/** @param base of the database of all but the last two */
export async function openPlace(shape: Shape, base: string, urls: Urls): Promise<Place> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  };
  const database = async (url: string) => {
    const made = await createDatabase(url);
    opened.push({ close: () => made.drop() });
    return made;
  };
  try {
    const business = await database(urlOfBusiness(shape, base, urls));
    return { business, options: await optionsOf(), close };
  } catch (error) {
    await close();
    throw error;
  }

  async function optionsOf(): Promise<IdempotentMqOptions> {
    switch (shape) {
      case 'a database each':
        return { broker: { dataSource: (await database(base)).options } };
      case 'a service': {
        const service = await serve(await database(base));
        opened.push(service);
        return { broker: { url: service.url } };
      }
      case 'RabbitMQ in its place': {
        const engine = createRabbitmq(urls.rabbitmq);
        opened.push({ close: () => engine.drop() });
        return { broker: engine.broker() };
      }
      case 'JetStream in its place': {
        const engine = createJetstream(urls.jetstream);
        opened.push({ close: () => engine.drop() });
        return { broker: engine.broker({ ackWaitMs: ACK_WAIT_MS }) };
      }
      default:
        return {};
    }
  }
}

function urlOfBusiness(shape: Shape, base: string, { postgres }: Urls): string {
  if (shape === 'one database, PostgreSQL') return postgres!;
  return shape === 'one database, SQLite' ? 'sqlite:' : base;
}
