import { ConflictException, Injectable } from '@nestjs/common';
import { Entry } from '../../examples/contract/entry.js';
import { InvoiceInbox } from '../../examples/contract/invoice-inbox.js';
import { InvoiceSent } from '../../examples/contract/invoice-sent.js';
import { Ledger } from '../../examples/contract/ledger.js';
import { type AnyTopic, type DeliveryContext, IdempotentConsumer, type Topic } from '../../src/index.js';
import { type AppParts, type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { codeBlocks, read } from './markdown.js';

/** The code of docs/changing-the-contract.md does what it says there. */

/** The topic as its first publisher knew it, which had no schema. */
const InvoiceOfOld: Topic<{ invoiceId: string; amount: number }> = {
  name: InvoiceSent.name,
  bizId: ({ invoiceId }) => invoiceId,
};

@Injectable()
class SharedLedger {
  @IdempotentConsumer(InvoiceSent, { group: 'ledger', scenario: 'invoices' })
  async enter({ invoiceId }: { invoiceId: string }, delivery: DeliveryContext) {
    await delivery.manager.update(Entry, { invoiceId }, { currency: 'XXX' });
  }
}

describe.each(engines)('docs/changing-the-contract.md, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  const start = async (providers: NonNullable<AppParts['providers']>) => {
    app = await startApp(database, { entities: [Entry], providers });
  };
  const publish = (topic: AnyTopic, body: object) => app.outbox.publish(topic, body, { standalone: true });
  const entries = () => app.dataSource.getRepository(Entry).find({ order: { invoiceId: 'ASC' } });

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('hands messages of both shapes to the handler in one', async () => {
    await start([Ledger]);
    await publish(InvoiceOfOld, { invoiceId: 'I-1', amount: 12.34 });
    await publish(InvoiceSent, { invoiceId: 'I-2', amount: 5 });
    await publish(InvoiceSent, { invoiceId: 'I-3', cents: 700, currency: 'CHF' });
    await app.events('acknowledged', 3);
    expect(await entries()).toEqual([
      { invoiceId: 'I-1', cents: 1234, currency: 'EUR' },
      { invoiceId: 'I-2', cents: 500, currency: 'EUR' },
      { invoiceId: 'I-3', cents: 700, currency: 'CHF' },
    ]);
  });

  it('takes an invoice that is told of in both shapes for one', async () => {
    await start([Ledger]);
    await publish(InvoiceOfOld, { invoiceId: 'I-1', amount: 12.34 });
    await app.events('acknowledged');
    await publish(InvoiceSent, { invoiceId: 'I-1', cents: 1234, currency: 'EUR' });
    await app.events('duplicate-absorbed');
    expect(await entries()).toHaveLength(1);
  });

  it('answers a key that comes again with another body', async () => {
    await start([InvoiceInbox]);
    const inbox = app.nest.get(InvoiceInbox);
    expect(await inbox.take('key-1', { invoiceId: 'I-1', cents: 1 })).toBe(true);
    expect(await inbox.take('key-1', { cents: 1, invoiceId: 'I-1' })).toBe(false);
    await expect(inbox.take('key-1', { invoiceId: 'I-2', cents: 1 })).rejects.toThrow(ConflictException);
    expect(await entries()).toHaveLength(1);
  });

  it('keeps the history of a scenario that is given a name', async () => {
    await start([Ledger]);
    await publish(InvoiceSent, { invoiceId: 'I-1', amount: 1 });
    await app.events('acknowledged');
    const [statement] = codeBlocks(read('docs/changing-the-contract.md'), 'sql');
    const inBytes = statement!.replace(/'[^']+'/g, 'CAST($& AS BLOB)');
    await app.dataSource.query(engine === 'sqlite' ? inBytes : statement!);
    await app.close();
    await start([SharedLedger]);
    await publish(InvoiceSent, { invoiceId: 'I-1', amount: 1 });
    await app.events('duplicate-absorbed');
    expect(await entries()).toMatchObject([{ currency: 'EUR' }]);
  });
});
