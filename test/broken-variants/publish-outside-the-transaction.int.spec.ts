import { describeBrokenVariant } from './broken-variant.js';

/** What the variant has begun to publish. */
let outside: Promise<void>[] = [];

describeBrokenVariant('publishing outside of the transaction', {
  story: 'a payment that is rolled back after its message was published',

  async play(shop) {
    outside = [];
    await expect(shop.pay('P-1', { fails: true })).rejects.toThrow('the bank took the money back');
    await Promise.all(outside);
  },

  breakIt({ app: { broker, dataSource } }) {
    const colocated = broker.colocated!;
    const put = colocated.put.bind(colocated);
    jest.spyOn(colocated, 'put').mockImplementation(async (_, topic, messages) => {
      const published = dataSource.transaction(({ queryRunner }) => put(queryRunner!, topic, messages));
      // Not awaited here: on SQLite it stands behind the very transaction that it is called from.
      outside.push(published);
    });
  },

  damage: () => ({ unpaid: 1 }),
});
