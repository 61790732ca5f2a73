import { outsideTransaction } from '../../src/index.js';
import { CardRow } from '../support/cards.js';
import { failedTwice, hostileWorker, describeOnServers } from '../support/hostile.js';

// Property: contention costs nothing in the delivery's own transaction only. A handler that waits elsewhere for a lock of
// its own would do so for ever. (For SQLite, whose write lock is one for all, see outer-datasource.)

describeOnServers('a handler that writes outside of its transaction, on %s', (engine) => {
  const worker = hostileWorker(engine, { options: { statementTimeoutMs: 1_000 } });

  it('and waits there for its own lock reaches the dead letters', async () => {
    const end = await worker.meets(async ({ paymentId }, { manager }) => {
      await manager.insert(CardRow, { id: 4711, paymentId, issuedBy: 'inside' });
      await outsideTransaction(() =>
        worker.app.dataSource.transaction(async (outer) => {
          await outer.query('SET innodb_lock_wait_timeout = 1');
          await outer.insert(CardRow, { id: 4711, paymentId, issuedBy: 'outside' });
        }),
      );
    });
    expect(end).toEqual(failedTwice);
  });

  it('and waits in an executor for its own lock reaches the dead letters', async () => {
    const end = await worker.meets(async ({ paymentId }, { manager }) => {
      const once = () =>
        worker.app.executor.run({ scenario: 'own', bizId: paymentId }, async () => undefined);
      await worker.app.executor.run({ scenario: 'own', bizId: paymentId }, async () => undefined);
      await manager.query('SELECT 1');
      await outsideTransaction(once);
    });
    // One dedup row is the consumer's, one the executor's: neither is left.
    expect(end).toEqual(failedTwice);
  });
});
