import { IdempotentMqModule } from '../../src/index.js';
import { forgetBroker } from '../../src/storage/index.js';
import { startApp } from '../support/app.js';
import { createDatabase, engines } from '../support/engines.js';
import type { TestDatabase } from '../support/engines.js';
import { type BrokerParts, type BusinessParts, drain, openBroker, openBusiness } from './parts.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: an outbox has one broker. What it has sent to one never comes to another as if it were new, and what is meant for
// the consumers of one is not parked at another.

describe.each(engines)('an outbox that has sent to a broker, on %s,', (engine) => {
  let databases: TwoDatabases;
  let elsewhere: TestDatabase;
  let parts: BrokerParts;
  let other: BrokerParts;
  let business: BusinessParts;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    elsewhere = await createDatabase(engine);
    parts = await openBroker(databases.broker);
    other = await openBroker(elsewhere);
    business = await openBusiness(databases.business);
    await business.put([{ bizId: 'P-1' }]);
    await drain(business, business.relay(parts.broker));
  });

  afterEach(async () => {
    await business.close();
    await parts.close();
    await other.close();
    await databases.drop();
    await elsewhere.drop();
  });

  it('sends nothing to another one, until an operator has said that it took its place', async () => {
    await business.put([{ bizId: 'P-2' }]);
    await expect(business.relay(other.broker).relayOnce()).rejects.toThrow(
      'This outbox has sent to another broker so far',
    );
    expect(await other.landed()).toEqual({});
    expect(await business.count('outbox')).toBe(1);
    await business.connections.control((on) => forgetBroker(business.connections.database, on));
    await drain(business, business.relay(other.broker));
    expect(await other.landed()).toEqual({ 'P-2': 1 });
  });

  it('knows its broker again from another process, and from a backup of the broker', async () => {
    const again = await openBroker(databases.broker);
    await business.put([{ bizId: 'P-2' }]);
    await drain(business, business.relay(again.broker));
    expect(await parts.landed()).toEqual({ 'P-1': 1, 'P-2': 1 });
    await again.close();
  });
});

describe.each(engines)('two instances of the module on one DataSource, on %s,', (engine) => {
  let databases: TwoDatabases;
  let elsewhere: TestDatabase;

  beforeEach(async () => {
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    databases = await twoDatabases(engine);
    elsewhere = await createDatabase(engine);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await databases.drop();
    await elsewhere.drop();
  });

  const second = (tablePrefix?: string) =>
    IdempotentMqModule.forRoot({
      name: 'us',
      schema: 'ensure',
      broker: { dataSource: elsewhere.options },
      ...(tablePrefix && { tablePrefix }),
    });

  it('are refused where they name different brokers for one outbox', async () => {
    await expect(startApart(databases, { imports: [second()] })).rejects.toThrow(
      'Two instances on one DataSource name different brokers',
    );
  });

  it('may have a broker each where each has its own tables', async () => {
    const app = await startApart(databases, { imports: [second('us_')] });
    await app.close();
  });

  it('may be one without a broker of its own, and one with it', async () => {
    const app = await startApp(databases.business, { imports: [second()] });
    await app.close();
  });
});
