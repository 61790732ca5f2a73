import { type ExampleDatabase, connect, createExampleDatabase } from '../../shared/example-database.js';
import { migrate } from '../../../src/index.js';
import { Card } from '../card-system/card.entity.js';
import { Payment } from '../payment-system/payment.entity.js';
import type { Databases } from './orders.js';
import type { Shape } from './shape.js';

export interface DemoDatabases {
  /** For people: "SQLite", "MariaDB 10.11". */
  engine: string;
  /** How to connect to them. */
  options: Databases;
  remove(): Promise<void>;
}

const NAMES: Record<Shape, readonly string[]> = {
  together: ['demo'],
  apart: ['demo-payment', 'demo-card', 'demo-broker'],
  'over-the-network': ['demo-payment', 'demo-card', 'demo-broker'],
  'through-an-engine': ['demo-payment', 'demo-card'],
};

/** One for the payment system, one for the card system, and one for the broker if it is tables; or one for all of them. */
export async function createDatabases(url: string | undefined, shape: Shape): Promise<DemoDatabases> {
  const created: ExampleDatabase[] = [];
  const remove = async () => {
    for (const database of created) await database.remove();
  };
  try {
    for (const name of NAMES[shape]) {
      created.push(await createExampleDatabase(name, url));
    }
    const [payment, card = payment, broker] = created.map(({ options }) => options);
    const options: Databases = { payment: payment!, card: card!, ...(broker && { broker }) };
    await createTables(options);
    return { engine: created[0]!.engine, options, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The systems' tables and the library's. Real systems have migrations for both. */
async function createTables({ payment, card, broker }: Databases): Promise<void> {
  await createTablesIn(payment, payment === card ? [Payment, Card] : [Payment]);
  if (card !== payment) await createTablesIn(card, [Card]);
  if (broker) await createTablesIn(broker, []);
}

async function createTablesIn(options: Databases['payment'], entities: (new () => object)[]): Promise<void> {
  const database = await connect({ ...options, entities, synchronize: true });
  try {
    await migrate(database);
  } finally {
    await database.destroy();
  }
}
