import { readRows } from '../../campaigns/checker/rows.js';
import { noteForgotten } from '../../campaigns/databases/forgotten.js';
import { type Pair, createPair } from '../../campaigns/databases/pair.js';

// Property: what the checker judges by is what the tables hold, whoever's rows have gone meanwhile.

const SQLITE = { business: undefined, broker: undefined };
const bytes = (text: string) => Buffer.from(text);

describe('what a run has left behind', () => {
  let pair: Pair;

  beforeEach(async () => {
    pair = await createPair(SQLITE, 1);
    await noteForgotten(pair);
    await run(
      `INSERT INTO mq_subscription (id, topic_id, group_name, version) VALUES (1, 1, ?, 1)`,
      bytes('cards'),
    );
    await run(
      `INSERT INTO mq_scenario_source (id, scenario_id, broker, subscription_id, topic, group_name)
       VALUES (1, 1, ?, 1, ?, ?)`,
      ...['b', 't', 'cards'].map(bytes),
    );
  });
  afterEach(() => pair.drop());

  const run = (sql: string, ...values: unknown[]) => pair.rawBusiness.query(sql, values);
  const land = (seq: number, body: object, innerMsgId = `${seq}`) =>
    run(
      'INSERT INTO mq_message (seq, inner_msg_id, topic_id, biz_id, body, landed_at) VALUES (?, ?, 1, ?, ?, 0)',
      ...[seq, bytes(innerMsgId), bytes('P-1'), bytes(JSON.stringify(body))],
    );
  const die = (subscription: number, seq: number) =>
    run(
      `INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at) VALUES (?, ?, ?, 0, 0, 0)`,
      ...[subscription, seq, bytes('failed')],
    );

  it('is each message that ever landed, and which one it was', async () => {
    await land(1, { paymentId: 'P-1', telling: 'P-1@a-1', copy: 0 }, 'one');
    await land(2, { paymentId: 'P-1', telling: 'P-1@a-1', copy: 1 }, 'two');
    await run('DELETE FROM mq_message');
    const hex = (text: string) => bytes(text).toString('hex');
    expect((await readRows(pair)).landings).toEqual([
      { seq: 1, payment: 'P-1', telling: 'P-1@a-1', copy: 0, innerMsgId: hex('one') },
      { seq: 2, payment: 'P-1', telling: 'P-1@a-1', copy: 1, innerMsgId: hex('two') },
    ]);
  });

  it('is each dedup row, also when it is forgotten', async () => {
    const note = (bizId: string, source: number) =>
      run(
        'INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at) VALUES (1, ?, ?, 1, ?, 0)',
        ...[bytes(bizId), bytes('t'), source],
      );
    await note('P-1', 1);
    await run('DELETE FROM mq_dedup');
    await note('P-1', 1);
    await note('P-2', 1);
    await note('P-3', 7);
    const { dedups, orphans } = await readRows(pair);
    expect(dedups).toEqual(
      new Map([
        ['P-1', new Map([['cards', 2]])],
        ['P-2', new Map([['cards', 1]])],
      ]),
    );
    expect(orphans).toEqual(['P-3: a dedup row of source 7, which is not there']);
  });

  it('is each dead letter that ever was, and what has no subscription or no message any more is told', async () => {
    await land(1, { paymentId: 'P-1', telling: 'P-1', copy: 0 });
    await die(1, 1);
    await die(8, 1);
    await die(1, 9);
    await run('DELETE FROM mq_dead_letter');
    const { deaths, deadLetters, orphans } = await readRows(pair);
    expect(deaths).toEqual([{ seq: 1, payment: 'P-1', group: 'cards', reason: 'failed' }]);
    expect(deadLetters).toBe(0);
    expect(orphans).toEqual([
      'P-1: dead as failed in subscription 8, which is not there',
      'message 9, which never landed: dead as failed in cards',
    ]);
  });

  it('is what was released from quarantine, and what nobody has decided about', async () => {
    const keep = (innerMsgId: string, decision: string | null) =>
      run(
        `INSERT INTO mq_quarantine (inner_msg_id, body_hash, topic, biz_id, body, reason, quarantined_at, decision)
         VALUES (?, ?, ?, ?, ?, ?, 0, ?)`,
        ...[bytes(innerMsgId), bytes('h'), bytes('t'), bytes('P-1'), bytes(''), bytes('late')],
        decision && bytes(decision),
      );
    await keep('one', 'released');
    await keep('two', 'discarded');
    await keep('three', null);
    const { released, quarantined } = await readRows(pair);
    expect(released).toEqual([{ payment: 'P-1', innerMsgId: bytes('one').toString('hex') }]);
    expect(quarantined).toBe(1);
  });
});
