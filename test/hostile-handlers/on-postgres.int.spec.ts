import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import { PaymentRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { type Handler, effectOnce, failedTwice, hostileWorker, issueCard, runs } from '../support/hostile.js';

/** Property: PostgreSQL aborts a transaction at any error; nothing half done of one is ever committed, nor taken for done. */

const describeOnPostgres: (title: string, tests: () => void) => void = engines.includes('postgres')
  ? describe
  : (title) =>
      describe.skip(`${title} (no PostgreSQL was asked for)`, () => it('is not run', () => undefined));

const onFire = new Error('the card printer is on fire');

/** Swallows the refusal of the further write as well. */
const issueCardWhateverHappens: Handler = (paid, delivery) =>
  issueCard(paid, delivery).catch(() => undefined);

const goingOn = [
  ['writes on', issueCard],
  ['writes on, swallows that too, and returns', issueCardWhateverHappens],
] as const;

describeOnPostgres('a handler on PostgreSQL', () => {
  const worker = hostileWorker('postgres');
  let rival: Client;

  beforeAll(async () => {
    const { host, port, username: user, password, database } = worker.database.options as never;
    rival = new Client({ host, port, user, password, database });
    // The database is dropped with whoever is still connected to it.
    rival.on('error', () => undefined);
    await rival.connect();
    // It waits longer than the handler, which then finds the deadlock and is its victim.
    await rival.query("SET deadlock_timeout = '20s'");
    const { dataSource } = worker.app;
    await dataSource.getRepository(PaymentRow).insert([
      { paymentId: 'one', amount: 1 },
      { paymentId: 'two', amount: 1 },
    ]);
    await dataSource.query('CREATE TABLE noted (id TEXT PRIMARY KEY)');
    await dataSource.query("INSERT INTO noted VALUES ('taken')");
    await dataSource.query('CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$');
  });

  afterAll(() => rival?.end());

  const pay = (on: { query(sql: string): Promise<unknown> }, paymentId: string) =>
    on.query(`UPDATE payment SET amount = amount + 1 WHERE "paymentId" = '${paymentId}'`);

  /** Each holds the row that the other wants. */
  const deadlock = async (manager: EntityManager) => {
    await rival.query('BEGIN');
    await pay(rival, 'two');
    await pay(manager, 'one');
    const blocked = pay(rival, 'one');
    try {
      await pay(manager, 'two');
    } finally {
      // It goes on when the handler's transaction is over.
      void blocked.then(() => rival.query('ROLLBACK'));
    }
  };

  const takenKey = (manager: EntityManager) => manager.query("INSERT INTO noted VALUES ('taken')");

  const onceInTrouble = (trouble: (manager: EntityManager) => Promise<unknown>, then: Handler) => {
    const swallowed: unknown[] = [];
    const handler: Handler = async (paid, delivery) => {
      if (swallowed.length === 0)
        await trouble(delivery.manager).catch((error: unknown) => swallowed.push(error));
      return then(paid, delivery);
    };
    return { handler, swallowed };
  };

  it.each(goingOn)('costs no attempt after a deadlock (40P01), whatever it does: it %s', async (_, then) => {
    const id = worker.newId();
    const { handler, swallowed } = onceInTrouble(deadlock, then);
    expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
    expect(swallowed).toEqual([expect.objectContaining({ code: '40P01' })]);
    worker.expectHappened(id, 'delivered', 'given-back', 'delivered', 'acknowledged');
  });

  it.each(goingOn)(
    'costs no attempt after a lock timeout (55P03), whatever it does: it %s',
    async (_, then) => {
      const id = worker.newId();
      const { handler, swallowed } = onceInTrouble(async (manager) => {
        await rival.query('BEGIN');
        await pay(rival, 'one');
        try {
          await manager.query("SET LOCAL lock_timeout = '50ms'");
          await pay(manager, 'one');
        } finally {
          await rival.query('ROLLBACK');
        }
      }, then);
      expect(await worker.meets(handler, id)).toEqual(effectOnce(2));
      expect(swallowed).toEqual([expect.objectContaining({ code: '55P03' })]);
      worker.expectHappened(id, 'delivered', 'given-back', 'delivered', 'acknowledged');
    },
  );

  it.each(goingOn)(
    'fails when it swallows a duplicate key of its own, and leaves nothing: it %s',
    async (_, then) => {
      const id = worker.newId();
      const end = await worker.meets(async (paid, delivery) => {
        await takenKey(delivery.manager).catch(() => undefined);
        await then(paid, delivery);
      }, id);
      expect(end).toEqual(failedTwice);
    },
  );

  it('is told which error it has swallowed, where it goes on as if nothing had happened', async () => {
    const id = worker.newId();
    await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await takenKey(delivery.manager).catch(() => undefined);
    }, id);
    expect((await worker.errors(id))[0]).toMatch(/can't commit: .*duplicate key/);
  });

  it.each([
    ['a duplicate key', takenKey],
    ['a deadlock', deadlock],
  ])(
    'takes effect once, at its first run, when the rollback of a nested transaction answers %s',
    async (_, trouble) => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.transaction(trouble).catch(() => undefined);
        await issueCard(paid, delivery);
      });
      expect(end).toEqual(effectOnce());
    },
  );

  it('takes effect once when its own savepoint answers an error', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.query('SAVEPOINT mine');
      await takenKey(delivery.manager).catch(() => undefined);
      await delivery.manager.query('ROLLBACK TO SAVEPOINT mine');
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
  });

  it.each([
    'SELECT 1; COMMIT',
    "SELECT 'a;b'; /* then */ ROLLBACK; INSERT INTO noted VALUES ('astray')",
    'SELECT $tag$ ; $tag$; END',
    'ABORT',
    'COMMIT AND CHAIN',
    "PREPARE TRANSACTION 'mine'",
  ])('is refused %j, before any of it runs', async (sql) => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query(sql);
    }, id);
    expect(end).toEqual(failedTwice);
    expect((await worker.errors(id))[0]).toContain("the transaction is the library's");
    expect(await worker.app.dataSource.query("SELECT 1 FROM noted WHERE id = 'astray'")).toEqual([]);
  });

  it.each([
    "SELECT 'COMMIT; ROLLBACK'",
    'SELECT 1 AS "; COMMIT"',
    'SELECT $$; COMMIT$$',
    'SELECT 1 -- ; COMMIT',
  ])('may send %j, which ends nothing', async (sql) => {
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.query(sql);
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
  });

  it.each(['CALL commits()', "DO $$ BEGIN EXECUTE 'COMMIT'; END $$"])(
    'leaves nothing when it swallows what the server answers to %s',
    async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query(sql).catch(() => undefined);
      });
      expect(end).toEqual(failedTwice);
    },
  );

  const traps = ['dedup', 'delivery', 'message', 'waiting'];
  const trapIn = (schema: string, kind = 'TABLE') =>
    traps
      .map((table) => `CREATE ${kind} ${schema}mq_${table} (LIKE public.mq_${table} INCLUDING ALL)`)
      .join('; ');

  it("has its dedup row and its ACK in the library's own tables, whatever schema it looks for its own in", async () => {
    const { dataSource } = worker.app;
    await dataSource.query(`CREATE SCHEMA tenant; ${trapIn('tenant.')}`);
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.query('SET LOCAL search_path = tenant, public');
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
    expect(await dataSource.query('SELECT * FROM tenant.mq_dedup')).toEqual([]);
  });

  it('has them there as well where a function has made temporary tables of the same names', async () => {
    const { dataSource } = worker.app;
    await dataSource.query(
      `CREATE FUNCTION traps() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ${trapIn('', 'TEMPORARY TABLE')}; END $$`,
    );
    const [first, second] = [worker.newId(), worker.newId()];
    const handler: Handler = async (paid, delivery) => {
      if (paid.paymentId === first) await delivery.manager.query('SELECT traps()');
      await issueCard(paid, delivery);
    };
    expect(await worker.meets(handler, first)).toEqual(effectOnce());
    expect(await worker.meets(handler, second)).toEqual(effectOnce());
  });

  it('leaves nothing of a deferred constraint that its COMMIT violates, and fails', async () => {
    const { dataSource } = worker.app;
    await dataSource.query('CREATE TABLE parent (id INT PRIMARY KEY)');
    await dataSource.query(
      'CREATE TABLE child (parent INT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)',
    );
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('INSERT INTO child VALUES (1)');
    });
    expect(end).toEqual(failedTwice);
  });

  it('leaves nothing, and fails, where a trigger that was deferred raises an error of its own at COMMIT', async () => {
    const { dataSource } = worker.app;
    await dataSource.query('CREATE TABLE ruled (id INT)');
    await dataSource.query(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a rule of the business'; END $$",
    );
    await dataSource.query(
      'CREATE CONSTRAINT TRIGGER rule AFTER INSERT ON ruled DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('INSERT INTO ruled VALUES (1)');
    });
    expect(end).toEqual(failedTwice);
  });

  it('fails when a text of its own holds a zero byte, which PostgreSQL takes in no text', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('INSERT INTO noted VALUES ($1)', ['a\0b']);
    }, id);
    expect(end).toEqual(failedTwice);
    expect((await worker.errors(id))[0]).toMatch(/0x00/);
  });

  it('does not pass on what it has set on its connection', async () => {
    const session = `SELECT current_setting('lock_timeout') AS lock_timeout, current_setting('search_path') AS path,
      to_regclass('pg_temp.left_behind') AS temporary, (SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
      (SELECT COUNT(*) FROM pg_prepared_statements) AS prepared, (SELECT COUNT(*) FROM pg_listening_channels()) AS channels`;
    const sessions: unknown[] = [];
    const look: Handler = async (paid, delivery) => {
      sessions.push((await delivery.manager.query(session))[0]);
      await issueCard(paid, delivery);
    };
    const leaving = [
      "SET lock_timeout = '7s'",
      "SELECT set_config('search_path', 'nowhere', false)",
      'CREATE TEMPORARY TABLE left_behind (id INT)',
      'SELECT pg_advisory_lock(1)',
      'PREPARE mine AS SELECT 1',
      'LISTEN mine',
    ];
    await worker.meets(look);
    for (const sql of leaving) {
      await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query(sql);
      });
      // There are two connections.
      for (const _ of [1, 2]) await worker.meets(look);
    }
    expect(sessions).toEqual(sessions.map(() => sessions[0]));
  });

  it('costs no attempt when its connection is killed', async () => {
    const id = worker.newId();
    let isFirst = true;
    const end = await worker.meets(async (paid, delivery) => {
      if (isFirst) {
        isFirst = false;
        const [{ pid }] = await delivery.manager.query('SELECT pg_backend_pid() AS pid');
        await rival.query('SELECT pg_terminate_backend($1)', [pid]);
      }
      await issueCard(paid, delivery);
    }, id);
    expect(end).toEqual(effectOnce(2));
  });

  it('counts a failure each time that it throws after an error', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await takenKey(delivery.manager).catch(() => undefined);
      throw onFire;
    });
    expect(end).toEqual({ ...failedTwice, runs: runs(2) });
  });
});
