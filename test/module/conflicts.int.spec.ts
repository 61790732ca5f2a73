import { Injectable, type Type } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer, type IdempotentMqOptions } from '../../src/index.js';
import { type Payment, PaymentSucceeded } from '../support/cards.js';
import { startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

/** What would lose or mix messages is refused when the app starts, and the error says what and where. */

type Options = Parameters<typeof IdempotentConsumer>[1];

function consumer(name: string, options: Options): Type {
  class Issuing {
    @IdempotentConsumer(PaymentSucceeded, options)
    async issue(_: Payment, _delivery: DeliveryContext): Promise<void> {}
  }
  Object.defineProperty(Issuing, 'name', { value: name });
  Injectable()(Issuing);
  return Issuing;
}

describe('an app refuses to start with', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(() => database.drop());

  const refusal = async (providers: Type[], options: IdempotentMqOptions = {}): Promise<string> => {
    const error: unknown = await startApp(database, { providers, options }).then(
      (app) => app.close(),
      (refused: unknown) => refused,
    );
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID' });
    return (error as Error).message;
  };

  it('two consumers of one subscription, and names both', async () => {
    const providers = [consumer('Cards', { group: 'cards' }), consumer('MoreCards', { group: 'cards' })];
    const message = await refusal(providers);
    expect(message).toContain('Cards.issue (group cards, topic payment.succeeded) and ');
    expect(message).toContain('MoreCards.issue (group cards, topic payment.succeeded)');
  });

  it('a scenario that two groups of one topic share', async () => {
    const message = await refusal([
      consumer('Cards', { group: 'cards', scenario: 'effects' }),
      consumer('Points', { group: 'points', scenario: 'effects' }),
    ]);
    expect(message).toContain('Cards.issue (group cards, topic payment.succeeded)');
    expect(message).toContain('Points.issue (group points, topic payment.succeeded)');
    expect(message).toContain('scenario effects');
  });

  it('a consumer of an instance that there is not', async () => {
    const message = await refusal([consumer('Cards', { group: 'cards', instance: 'billing' })]);
    expect(message).toContain('Cards.issue (group cards, topic payment.succeeded, instance billing)');
    expect(message).toContain('the instance billing');
  });

  it('consumers on a SQLite DataSource that is left alone', async () => {
    const message = await refusal([consumer('Cards', { group: 'cards' })], {
      sqlite: { leaveDataSourceAlone: true },
      durability: 'warn',
    });
    expect(message).toContain('Cards.issue (group cards, topic payment.succeeded)');
    expect(message).toContain('sqlite.leaveDataSourceAlone');
  });
});
