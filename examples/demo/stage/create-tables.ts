import { migrate } from '../../../src/index.js';
import { type ExampleDatabase, connect } from '../../shared/example-database.js';
import { Card } from '../card-system/card.entity.js';
import { Payment } from '../payment-system/payment.entity.js';

/** The systems' tables and the library's. Real systems have migrations for both. */
export async function createTables({ options }: ExampleDatabase): Promise<void> {
  const database = await connect({ ...options, entities: [Payment, Card], synchronize: true });
  try {
    await migrate(database);
  } finally {
    await database.destroy();
  }
}
