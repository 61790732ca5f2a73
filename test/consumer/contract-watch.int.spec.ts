import { Injectable } from '@nestjs/common';
import { ContractWatch } from '../../src/consumer/index.js';
import { type AnyTopic, IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { createDatabase, engines, type TestDatabase } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { startApart } from '../relay/support.js';

// Property: an operator is told once of each change in how the biz-ids of a scenario are read, and of nothing else.

interface Payment {
  id: string;
  orderId: string;
}

const DAY_US = 24 * 3_600 * 1_000_000;

/** One release after the other, so not by defineTopic, which would notice both in this one process. */
const topic = (bizId: (paid: Payment) => string, name = 'payment.succeeded'): AnyTopic => ({ name, bizId });
const byId = topic((paid) => paid.id);
const byOrder = topic(({ orderId }) => orderId);

function consumerOf(of: AnyTopic, options: { group?: string; scenario?: string } = {}) {
  @Injectable()
  class Cards {
    @IdempotentConsumer(of, { group: 'cards', ...options })
    issue(_paid: Payment): void {}
  }
  return Cards;
}

describe.each(engines)('the contract of a scenario on %s', (engine) => {
  let database: TestDatabase;
  let log: string[];

  beforeEach(async () => {
    database = await createDatabase(engine);
    log = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await database.drop();
  });

  /** Starts a release and stops it again. @returns what it said of changes */
  async function release(...consumers: ReturnType<typeof consumerOf>[]) {
    const app = await startApp(database, { providers: consumers });
    try {
      return changesOf(app);
    } finally {
      await app.close();
    }
  }

  const changesOf = (app: TestApp) => app.seen.filter((event) => event.type === 'contract-changed');

  async function letDaysPass(days: number): Promise<void> {
    const app = await startApp(database);
    await app.dataSource.query('UPDATE mq_scenario_contract SET seen_at = seen_at - ?', [days * DAY_US]);
    await app.close();
  }

  it('is noted at the first start, and said nothing of as long as it is the same', async () => {
    expect(await release(consumerOf(byId))).toEqual([]);
    expect(await release(consumerOf(byId))).toEqual([]);
    expect(await release(consumerOf(topic((paid) => paid.id)))).toEqual([]);
  });

  it('is told of when it changes, with both and what to do, and not again', async () => {
    await release(consumerOf(byId));
    const [change, ...more] = await release(consumerOf(byOrder));
    expect(more).toEqual([]);
    expect(change).toEqual({
      type: 'contract-changed',
      topic: 'payment.succeeded',
      group: 'cards',
      scenario: expect.stringContaining('cards'),
      was: expect.stringContaining('.id'),
      now: expect.stringContaining('orderId'),
    });
    const warnings = log.filter((line) => line.startsWith('warn: The bizId of payment.succeeded'));
    expect(warnings).toHaveLength(1);
    for (const part of [change!.was, change!.now, 'nothing to do', 'a scenario, of its own'])
      expect(warnings[0]).toContain(part);
    expect(await release(consumerOf(byOrder))).toEqual([]);
  });

  it('has another scenario than before, which is told of when it first starts with it, and not again', async () => {
    const started = async (consumer: ReturnType<typeof consumerOf>) => {
      const app = await startApp(database, { providers: [consumer] });
      await app.close();
      return app.seen.filter((event) => event.type === 'scenario-changed');
    };
    const [byDefault, named] = [consumerOf(byId), consumerOf(byId, { scenario: 'payments' })];
    expect(await started(byDefault)).toEqual([]);
    expect(await started(named)).toEqual([
      {
        type: 'scenario-changed',
        topic: 'payment.succeeded',
        group: 'cards',
        was: expect.stringContaining('cards'),
        now: 'named/payments',
      },
    ]);
    const warnings = log.filter((line) => line.startsWith('warn: Group cards has another scenario'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('a repeat of it takes effect again');
    // In a rolling deploy both start, again and again.
    expect(await started(byDefault)).toEqual([]);
    expect(await started(named)).toEqual([]);
    expect(await started(consumerOf(byId, { group: 'others', scenario: 'others' }))).toEqual([]);
  });

  it.each([
    ['is new', byOrder],
    // Then it is an UPDATE, which no key keeps from being done twice.
    ['was there long ago', byId],
  ])('is told of by one of many processes that look at the same moment, where it %s', async (_, next) => {
    const PROCESSES = 6;
    await release(consumerOf(byId));
    if (next === byId) {
      await release(consumerOf(byOrder));
      await letDaysPass(8);
      await release(consumerOf(byOrder));
    }
    const check = Reflect.get(ContractWatch.prototype, 'check');
    let looking = 0;
    let open!: () => void;
    const door = new Promise<void>((resolve) => (open = resolve));
    jest.spyOn(ContractWatch.prototype, 'check').mockImplementation(async function (
      this: ContractWatch,
      consumer,
    ) {
      if (++looking === PROCESSES) open();
      await door;
      return check.call(this, consumer);
    });
    const apps = await Promise.all(
      Array.from({ length: PROCESSES }, () => startApp(database, { providers: [consumerOf(next)] })),
    );
    expect(apps.flatMap(changesOf)).toHaveLength(1);
    expect(log.filter((line) => line.includes('could not be found out'))).toEqual([]);
    for (const app of apps) await app.close();
  });

  it('is told of once in a rolling deploy, although both releases go on starting', async () => {
    await release(consumerOf(byId));
    // Its processes ran for a year.
    await letDaysPass(365);
    expect(await release(consumerOf(byOrder))).toHaveLength(1);
    for (let start = 1; start <= 3; start++) {
      expect(await release(consumerOf(byId))).toEqual([]);
      expect(await release(consumerOf(byOrder))).toEqual([]);
      await letDaysPass(2);
    }
  });

  it('is told of when it is changed back long after the deploy', async () => {
    await release(consumerOf(byId));
    await release(consumerOf(byOrder));
    await letDaysPass(8);
    expect(await release(consumerOf(byOrder))).toEqual([]);
    expect(await release(consumerOf(byId))).toHaveLength(1);
    expect(await release(consumerOf(byId))).toEqual([]);
  });

  it('begins anew with a scenario, or a topic, of its own', async () => {
    await release(consumerOf(byId));
    expect(await release(consumerOf(byOrder, { scenario: 'by-order' }))).toEqual([]);
    const renamed = topic(({ orderId }) => orderId, 'payment.succeeded.v2');
    expect(await release(consumerOf(renamed))).toEqual([]);
  });

  it('is that of each topic where topics share a scenario', async () => {
    const refunded = topic(({ orderId }) => orderId, 'payment.refunded');
    const shared = { scenario: 'payments' };
    expect(await release(consumerOf(byId, shared), consumerOf(refunded, shared))).toEqual([]);
    expect(await release(consumerOf(byId, shared), consumerOf(refunded, shared))).toEqual([]);
    const changed = await release(consumerOf(byOrder, shared), consumerOf(refunded, shared));
    expect(changed).toMatchObject([{ topic: 'payment.succeeded', scenario: 'named/payments' }]);
  });

  it('is told of once for each group, whose histories are apart', async () => {
    const groups = (of: AnyTopic) => ['cards', 'points'].map((group) => consumerOf(of, { group }));
    await release(...groups(byId));
    const changes = await release(...groups(byOrder));
    expect(changes.map((change) => change.group).sort()).toEqual(['cards', 'points']);
  });

  it('keeps no consumer from starting where it can not be looked at', async () => {
    const first = await startApp(database, { providers: [consumerOf(byId)] });
    jest.spyOn(ContractWatch.prototype, 'check').mockRejectedValue(new Error('no such table'));
    const second = await startApp(database, { providers: [consumerOf(byId)] });
    await second.outbox.publish(byId, { id: 'P-1', orderId: 'O-1' }, { standalone: true });
    await Promise.race([first.events('acknowledged'), second.events('acknowledged')]);
    expect(log).toContainEqual(
      expect.stringMatching(/^warn: Whether the biz-ids of Cards.issue .+ no such table/),
    );
    await second.close();
    await first.close();
  });

  it('is kept in the receiver’s database, also where the broker is apart', async () => {
    const broker = await createDatabase(engine);
    try {
      const start = async (of: AnyTopic) => {
        const app = await startApart({ business: database, broker }, { providers: [consumerOf(of)] });
        const changes = changesOf(app);
        await app.close();
        return changes;
      };
      expect(await start(byId)).toEqual([]);
      expect(await start(byOrder)).toHaveLength(1);
      expect(await release(consumerOf(byOrder))).toEqual([]);
    } finally {
      await broker.drop();
    }
  });
});
