import type { Connection } from 'mysql2/promise';
import { type EntityManager, EntitySchema } from 'typeorm';
import { PaymentRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import {
  type Handler,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  servers,
} from '../support/hostile.js';

/** Property: an error that the engine answers by ending the transaction may not be swallowed without consequences. */

class Voucher {
  code!: string;
}

const VoucherTable = new EntitySchema<Voucher>({
  target: Voucher,
  name: 'Voucher',
  tableName: 'voucher',
  columns: { code: { type: 'varchar', length: 100, primary: true } },
});

/** Meets trouble at its first run only. What it swallows is noted. */
function onceInTrouble(trouble: (manager: EntityManager) => Promise<unknown>, then: Handler) {
  const swallowed: unknown[] = [];
  const handler: Handler = async (paid, delivery) => {
    if (swallowed.length === 0)
      await trouble(delivery.manager).catch((error: unknown) => swallowed.push(error));
    return then(paid, delivery);
  };
  return { handler, swallowed };
}

/** Swallows the refusal of the further write as well. */
const issueCardWhateverHappens: Handler = (paid, delivery) =>
  issueCard(paid, delivery).catch(() => undefined);

const goingOn = [
  ['writes on', issueCard],
  ['writes on, swallows that too, and returns', issueCardWhateverHappens],
] as const;

describe.each(engines)('a handler that swallows a duplicate key, on %s', (engine) => {
  const worker = hostileWorker(engine, { entities: [VoucherTable] });

  beforeAll(async () => {
    await worker.app.dataSource.getRepository(Voucher).insert({ code: 'TAKEN' });
  });

  it('takes effect once: only the statement of its own unique key failed; where that aborts all, nothing is left', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await expect(delivery.manager.insert(Voucher, { code: 'TAKEN' })).rejects.toThrow(/duplicate|unique/i);
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(engine === 'postgres' ? failedTwice : effectOnce());
  });

  it('is not taken for a duplicate when it throws the error of its own key', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.insert(Voucher, { code: 'TAKEN' });
    });
    expect(end).toEqual(failedTwice);
  });
});

for (const engine of servers) {
  describe(`a handler that swallows the loss of its transaction, on ${engine}`, () => {
    const worker = hostileWorker(engine);
    let rival: Connection;

    beforeAll(async () => {
      rival = await worker.connect();
      const { dataSource } = worker.app;
      await dataSource.getRepository(PaymentRow).insert([
        { paymentId: 'one', amount: 1 },
        { paymentId: 'two', amount: 1 },
      ]);
      await dataSource.query('CREATE TABLE ballast (id INT PRIMARY KEY)');
      await dataSource.query(
        "CREATE PROCEDURE swallows_deadlock(id VARCHAR(99)) BEGIN DECLARE CONTINUE HANDLER FOR 1213 BEGIN END; UPDATE payment SET amount = 3 WHERE paymentId = 'two'; INSERT INTO card (paymentId, issuedBy) VALUES (id, 'after'); END",
      );
      for (const errno of [1020, 1206, 3572]) {
        await dataSource.query(
          `CREATE PROCEDURE raises_${errno}() SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'as the server would'`,
        );
      }
    });

    afterAll(() => rival?.end());

    /** Each holds the row that the other wants. The rival has written more, so the server picks the handler. */
    const deadlock = async (manager: EntityManager, last: () => Promise<unknown>) => {
      await rival.query('START TRANSACTION');
      await rival.query(
        'INSERT INTO ballast SELECT seq FROM (SELECT 1 AS seq UNION SELECT 2 UNION SELECT 3) n',
      );
      await rival.query(`INSERT INTO ballast SELECT a.id * 10 + b.id FROM ballast a JOIN ballast b`);
      await rival.query("UPDATE payment SET amount = 2 WHERE paymentId = 'two'");
      await manager.query("UPDATE payment SET amount = 3 WHERE paymentId = 'one'");
      const blocked = rival.query("UPDATE payment SET amount = 2 WHERE paymentId = 'one'");
      try {
        await last();
      } finally {
        await blocked;
        await rival.query('ROLLBACK');
      }
    };

    it.each(goingOn)('costs no attempt after a deadlock (1213), whatever it does: it %s', async (_, then) => {
      const id = worker.newId();
      const { handler, swallowed } = onceInTrouble(
        (manager) =>
          deadlock(manager, () => manager.query("UPDATE payment SET amount = 3 WHERE paymentId = 'two'")),
        then,
      );
      expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
      expect(swallowed).toEqual([expect.objectContaining({ errno: 1213 })]);
      worker.expectHappened(id, 'delivered', 'given-back', 'delivered', 'acknowledged');
    });

    it.each(goingOn)(
      'costs no attempt after a lock wait timeout (1205), whatever it does: it %s',
      async (_, then) => {
        const id = worker.newId();
        const { handler, swallowed } = onceInTrouble(async (manager) => {
          await rival.query('START TRANSACTION');
          await rival.query("UPDATE payment SET amount = 2 WHERE paymentId = 'one'");
          await manager.query('SET SESSION innodb_lock_wait_timeout = 1');
          try {
            await manager.query("UPDATE payment SET amount = 3 WHERE paymentId = 'one'");
          } finally {
            await rival.query('ROLLBACK');
          }
        }, then);
        expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
        expect(swallowed).toEqual([expect.objectContaining({ errno: 1205 })]);
        worker.expectHappened(id, 'delivered', 'given-back', 'delivered', 'acknowledged');
      },
    );

    // READ COMMITTED doesn't let the server raise 1020 by itself: SIGNAL sends the same error.
    it.each([1020, 1206, 3572])(
      'costs no attempt after error %i, and the write that follows is refused',
      async (errno) => {
        const id = worker.newId();
        const { handler, swallowed } = onceInTrouble(
          (manager) => manager.query(`CALL raises_${errno}()`),
          issueCardWhateverHappens,
        );
        expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
        expect(swallowed).toEqual([expect.objectContaining({ errno })]);
        worker.expectHappened(id, 'delivered', 'given-back', 'delivered', 'acknowledged');
      },
    );

    it('leaves nothing and runs again when a stored procedure swallows the deadlock and writes on', async () => {
      const id = worker.newId();
      let runs = 0;
      const end = await worker.meets(async (paid, delivery) => {
        if (++runs > 1) return issueCard(paid, delivery);
        await issueCard(paid, delivery);
        return deadlock(delivery.manager, () =>
          delivery.manager.query('CALL swallows_deadlock(?)', [paid.paymentId]),
        );
      }, id);
      expect(end).toEqual(effectOnce(2));
      // Nobody saw the deadlock, so it counts as a failure of the handler.
      worker.expectHappened(id, 'delivered', 'retry-scheduled', 'delivered', 'acknowledged');
    });

    it('swallows a deadlock inside of a nested transaction to no avail', async () => {
      const id = worker.newId();
      const { handler } = onceInTrouble(
        (manager) =>
          manager.transaction((nested) =>
            deadlock(nested, () => nested.query("UPDATE payment SET amount = 3 WHERE paymentId = 'two'")),
          ),
        issueCardWhateverHappens,
      );
      expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
      worker.expectHappened(id, 'delivered', 'given-back', 'delivered', 'acknowledged');
    });
  });
}

describe('a handler that swallows the loss of its transaction, on sqlite', () => {
  const worker = hostileWorker('sqlite', { entities: [VoucherTable] });

  beforeAll(async () => {
    const { dataSource } = worker.app;
    await dataSource.getRepository(Voucher).insert({ code: 'TAKEN' });
    await dataSource.query('CREATE TABLE forbidden (id INT)');
    await dataSource.query(
      "CREATE TRIGGER rolls_back BEFORE INSERT ON forbidden BEGIN SELECT RAISE(ROLLBACK, 'not here'); END",
    );
  });

  const losses = [
    ['INSERT OR ROLLBACK', "INSERT OR ROLLBACK INTO voucher (code) VALUES ('TAKEN')"],
    ['a trigger that rolls back', 'INSERT INTO forbidden (id) VALUES (1)'],
  ] as const;

  it.each(losses)('leaves nothing after %s, and runs again', async (_, sql) => {
    const id = worker.newId();
    let writeOn: unknown;
    const { handler, swallowed } = onceInTrouble(
      async (manager) => {
        await manager.query("INSERT INTO card (paymentId, issuedBy) VALUES (?, 'lost')", [id]);
        await manager.query(sql);
      },
      async (paid, delivery) => {
        writeOn = await issueCard(paid, delivery).catch((error: unknown) => error);
        if (swallowed.length === 1) swallowed.push(writeOn);
      },
    );
    expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
    // The write on would have been durable by itself.
    expect(swallowed).toEqual([expect.anything(), expect.objectContaining({ code: 'SCOPE_DOOMED' })]);
    expect(writeOn).toBeUndefined();
    worker.expectHappened(id, 'delivered', 'retry-scheduled', 'delivered', 'acknowledged');
  });
});
