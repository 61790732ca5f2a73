import * as statements from '../../src/storage/statements/index.js';
import { describeBrokenVariant } from './broken-variant.js';

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

describeBrokenVariant('no dedup', {
  story: 'one payment told of twice',

  play: (shop) => shop.pay('P-1', { messages: 2 }),

  breakIt() {
    jest.spyOn(statements, 'insertDedup').mockResolvedValue({ affected: 1, insertId: 0 });
    jest.spyOn(statements, 'acknowledgeWithEffect').mockImplementation(async (database, on, held) => ({
      affected: Number(await statements.acknowledge(database, on, held)),
      insertId: 0,
    }));
  },

  damage: () => ({ doubled: 1 }),
});
