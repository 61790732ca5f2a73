import * as statements from '../../src/storage/statements/index.js';
import { describeBrokenVariant } from './broken-variant.js';

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

describeBrokenVariant('dedup in a transaction of its own', {
  story: 'a handler that fails at first',

  async play(shop) {
    shop.issuing.first = async (run) => {
      if (run === 1) throw new Error('the card printer is out of paper');
    };
    await shop.pay('P-1');
  },

  breakIt() {
    const { insertDedup } = jest.requireActual<typeof statements>('../../src/storage/statements/index.js');
    jest.spyOn(statements, 'insertDedup').mockImplementation(async (database, on, key, attempt) => {
      const inserted = await insertDedup(database, on, key, attempt);
      await statements.commit(on);
      await statements.begin(database, on);
      return inserted;
    });
  },

  // What is retried meets the row of the attempt that failed.
  damage: () => ({ lost: 1 }),
});
