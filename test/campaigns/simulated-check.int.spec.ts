import { PaymentSucceeded } from '../../campaigns/processes/payment.js';
import { GROUPS } from '../../campaigns/processes/task.js';
import { Noticed } from '../../campaigns/simulate/charges.js';
import { Check, type Findings } from '../../campaigns/simulate/check.js';
import { SimulatedDatabase } from '../../campaigns/simulate/databases.js';
import { NOTICES } from '../../campaigns/simulate/desk.js';
import { type Publish, Record as Recorded } from '../../campaigns/simulate/record.js';
import { RETENTION_MS } from '../../campaigns/simulate/times.js';
import type { World } from '../../campaigns/simulate/world.js';

// Property: what judges a seed of the simulation finds each way in which its tables can be wrong, and nothing in right ones.

const TOPICS = [PaymentSucceeded.name, Noticed.name];
const ALL_GROUPS = [...GROUPS, NOTICES];

describe('what judges a seed', () => {
  let database: SimulatedDatabase;
  let record: Recorded;
  let landings: number;

  beforeAll(async () => {
    database = await SimulatedDatabase.open('business');
  });
  beforeEach(() => {
    database.reset();
    record = new Recorded();
    landings = 0;
    for (const [i, name] of TOPICS.entries())
      run('INSERT INTO mq_topic (id, name) VALUES (?, ?)', i + 1, Buffer.from(name));
    for (const [i, group] of ALL_GROUPS.entries()) {
      record.subscribed(group, -1);
      const source = [i + 1, i + 1, Buffer.from('b'), i + 1, Buffer.from('t'), Buffer.from(group)];
      run(
        `INSERT INTO mq_scenario_source (id, scenario_id, broker, subscription_id, topic, group_name)
         VALUES (?, ?, ?, ?, ?, ?)`,
        ...source,
      );
    }
  });
  afterAll(() => database.dataSource.destroy());

  const run = (sql: string, ...values: unknown[]) => database.raw.prepare(sql).run(...values);

  function publish(id: string, given: Partial<Publish> = {}): void {
    const told = { outcome: 'acknowledged', beganAt: 0, acknowledgedAt: 1 } as const;
    record.publishes.push({ id, bizId: `P-${id}`, copies: 1, key: undefined, ...told, ...given });
  }
  const commit = (id: string) => run('INSERT INTO publish VALUES (?)', id);

  function land(
    id: string,
    topic = PaymentSucceeded.name,
    { at = 0, innerMsgId = `${landings}` } = {},
  ): void {
    const charge = { paymentId: `P-${id}`, telling: id, copy: 0, message: `${id}#0`, account: `A-${id}` };
    run(
      'INSERT INTO landing (seq, inner_msg_id, topic_id, body, at) VALUES (?, ?, ?, ?, ?)',
      ...[
        ++landings,
        Buffer.from(innerMsgId),
        1 + TOPICS.indexOf(topic),
        Buffer.from(JSON.stringify(charge)),
        at,
      ],
    );
  }

  function issue(id: string, group: string, at = 1): void {
    run(
      'INSERT INTO card (payment_id, issued_by, process, at) VALUES (?, ?, ?, ?)',
      ...[`P-${id}`, group, `${id}#0`, at],
    );
  }

  function balance(id: string, group: string, cards = 1): void {
    run('INSERT INTO balance VALUES (?, ?, ?)', group, `A-${id}`, cards);
  }

  function note(id: string, group: string): void {
    const source = 1 + ALL_GROUPS.indexOf(group);
    run(
      'INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at) VALUES (?, ?, ?, 1, ?, 0)',
      ...[source, Buffer.from(`P-${id}`), Buffer.from('t'), source],
    );
  }

  /** All that comes of one publish, but what is left out. */
  function story(id: string, given: Partial<Publish> = {}, leftOut: { issue?: string } = {}): void {
    publish(id, given);
    commit(id);
    for (const topic of TOPICS) land(id, topic);
    for (const group of ALL_GROUPS) {
      if (group === leftOut.issue) continue;
      issue(id, group);
      balance(id, group);
      note(id, group);
    }
  }

  function find(isThrough = true): Partial<Findings> {
    const world = {
      ...{ business: database, broker: database, record, variant: undefined },
      simulation: { faults: { mostOffMs: 0 } },
    } as Partial<World> as World;
    const found = Object.entries(new Check(world, isThrough).run()) as [string, string[]][];
    return Object.fromEntries(found.filter(([, ones]) => ones.length > 0));
  }

  it('finds nothing where all is right', () => {
    story('a');
    story('b', { outcome: 'unknown' });
    publish('c', { outcome: 'failed' });
    publish('d', { outcome: 'unknown' });
    expect(find()).toEqual({});
  });

  it.each<[string, () => void, Partial<Findings>]>([
    ['an acknowledged publish that is gone', () => publish('a'), { lost: ['a: acknowledged, and gone'] }],
    [
      'a failed one that is there',
      () => story('a', { outcome: 'failed' }),
      { unfounded: ['a: failed, and there'] },
    ],
    [
      'a message that never landed',
      () => {
        publish('a');
        commit('a');
      },
      { lost: ['a#0: it never landed'] },
    ],
    [
      'one that landed twice',
      () => {
        story('a');
        land('a');
      },
      { landedTwice: [`${PaymentSucceeded.name} a#0: 2 messages`] },
    ],
    [
      'one that nobody published',
      () => land('a'),
      {
        lost: GROUPS.map((group) => `P-a: no card of ${group}`),
        unfounded: [`${PaymentSucceeded.name} a#0: it landed, and nobody had published it`],
      },
    ],
    [
      'a card that is missing',
      () => story('a', {}, { issue: GROUPS[1] }),
      { lost: [`P-a: no card of ${GROUPS[1]}`] },
    ],
    [
      'an effect without what it published',
      () => {
        story('a');
        run('DELETE FROM landing WHERE topic_id = 2');
        for (const table of ['card', 'balance']) run(`DELETE FROM ${table} WHERE issued_by = ?`, NOTICES);
        run('DELETE FROM mq_dedup WHERE source_id = 3');
        run('DELETE FROM forgotten');
      },
      { lost: ['a#0: it had its effect, and what that published never landed'] },
    ],
    [
      'what an effect published, without it',
      () => story('a', {}, { issue: GROUPS[0] }),
      {
        lost: [`P-a: no card of ${GROUPS[0]}`],
        unfounded: ['a#0: it had no effect, and what that published has landed'],
      },
    ],
    [
      'a card of what nobody published',
      () => {
        issue('a', GROUPS[1]);
        run('INSERT INTO balance VALUES (?, ?, 1)', GROUPS[1], 'a#0');
        note('a', GROUPS[1]);
      },
      { unfounded: [`P-a: a card of ${GROUPS[1]}, and nobody had published it`] },
    ],
    [
      'what the record calls wrong',
      () => record.wrongs.push('app-1 did not shut down'),
      { wrong: ['app-1 did not shut down'] },
    ],
  ])('finds %s', (_, tell, found) => {
    tell();
    expect(find()).toEqual(found);
  });

  it('finds an inner-msg-id that has two messages', () => {
    story('a');
    story('b');
    run('UPDATE landing SET inner_msg_id = ? WHERE topic_id = 1', Buffer.from('one'));
    expect(find().landedTwice).toEqual([`inner-msg-id ${Buffer.from('one').toString('hex')}: 2 messages`]);
  });

  it('finds a second card, unless its message landed when the first could be forgotten', () => {
    story('a');
    publish('later', { bizId: 'P-a' });
    commit('later');
    const second = (at: number) => {
      const charge = { paymentId: 'P-a', telling: 'later', copy: 0, message: 'later#0', account: 'A-a' };
      run(
        'INSERT INTO landing (seq, inner_msg_id, topic_id, body, at) VALUES (99, ?, 1, ?, ?)',
        ...[Buffer.from('later'), Buffer.from(JSON.stringify(charge)), at],
      );
    };
    run(
      'INSERT INTO card (payment_id, issued_by, process, at) VALUES (?, ?, ?, ?)',
      'P-a',
      GROUPS[1],
      'later#0',
      9e9,
    );
    run('UPDATE balance SET cards = 2 WHERE issued_by = ?', GROUPS[1]);
    run('INSERT INTO forgotten VALUES (?, 2)', Buffer.from('P-a'));
    second(RETENTION_MS - 120_000);
    expect(find()).toEqual({ doubled: [`P-a: another card of ${GROUPS[1]}, by later#0 after a#0`] });
    run('UPDATE landing SET at = ? WHERE seq = 99', RETENTION_MS + 1);
    expect(find()).toEqual({});
  });

  it('finds cards of a key in the wrong order, but for what was set aside', () => {
    story('b', { key: 'A', beganAt: 2, acknowledgedAt: 3 });
    story('a', { key: 'A' });
    expect(find()).toEqual({ disordered: GROUPS.map((group) => `b#0 before a#0 in ${group}`) });
    record.setAside.add('a#0');
    expect(find()).toEqual({});
  });

  it('finds a balance that is one too high where another one is one too low', () => {
    story('a');
    story('b');
    run('UPDATE balance SET cards = 2 WHERE issued_by = ? AND account = ?', GROUPS[0], 'A-a');
    run('UPDATE balance SET cards = 0 WHERE issued_by = ? AND account = ?', GROUPS[0], 'A-b');
    expect(find().unbalanced).toEqual([
      `A-a in ${GROUPS[0]}: balance 2, cards 1`,
      `A-b in ${GROUPS[0]}: balance 0, cards 1`,
    ]);
  });

  it('finds a dedup row too many where another one is missing', () => {
    story('a');
    story('b');
    run(
      'UPDATE mq_dedup SET biz_id = ? WHERE biz_id = ? AND source_id = 1',
      Buffer.from('P-c'),
      Buffer.from('P-b'),
    );
    expect(find().unbalanced).toEqual([
      `P-c in ${GROUPS[0]}: dedup rows 1, cards 0`,
      `P-b in ${GROUPS[0]}: dedup rows 0, cards 1`,
    ]);
  });

  it('calls nothing lost where not everything was through', () => {
    publish('a');
    commit('a');
    expect(find(false)).toEqual({});
  });
});
