import { write } from '../../src/storage/execute.js';
import * as statements from '../../src/storage/statements/index.js';
import { Meeting, describeBrokenVariant } from './broken-variant.js';

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

describeBrokenVariant('check-then-insert', {
  story: 'two messages of one payment, delivered at the same moment',

  async play(shop) {
    shop.issuing.first = async () => {
      await shop.app.events('delivered', 2);
    };
    await shop.pay('P-1', { messages: 2 });
  },

  breakIt({ engine }) {
    const bothChecked = new Meeting(2);
    jest.spyOn(statements, 'insertDedup').mockImplementation(async (database, on, key, { token, seq }) => {
      // The check comes before the transaction. Within it, SQLite would let nobody else check meanwhile; PostgreSQL does,
      // and there the library would see that its transaction is another one.
      const isWithin = engine === 'postgres';
      if (!isWithin) await statements.rollback(on);
      const row = await statements.readDedup(database, on, key);
      await bothChecked.arrive();
      if (!isWithin) await statements.begin(database, on);
      if (row) return undefined;
      const [verb, meanwhile] =
        engine === 'postgres'
          ? [
              'INSERT',
              ' ON CONFLICT (scenario_id, biz_id) DO UPDATE SET token = excluded.token, seq = excluded.seq',
            ]
          : ['REPLACE', ''];
      return write(
        on,
        `${verb} INTO ${database.tables.dedup} (scenario_id, biz_id, token, seq, created_at)
         VALUES (?, ?, ?, ?, ${database.dialect.now})${meanwhile}`,
        [key.scenarioId, key.bizId, token, seq],
      );
    });
  },

  damage: () => ({ doubled: 1 }),
});
