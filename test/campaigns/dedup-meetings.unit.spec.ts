import { DedupMeetings, type DedupWatch } from '../../campaigns/proxy/dedup-meetings.js';

// Property: what copies of one biz-id do to each other in the dedup log is told from what goes over the wire.

/** The INSERT of one biz-id's row and that of another's, as each engine is sent them. */
const MYSQL_INSERT =
  "INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at) VALUES (1, X'702d31', X'00', 1, 1, 5)";
const POSTGRES_INSERT =
  'INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at) VALUES ($1, $2, $3, $4, $5, 5) ON CONFLICT DO NOTHING';
const boundTo = (bizId: string) => ['1', bizId, 't', '1', '1'].map((value) => Buffer.from(value));

const protocols = [
  {
    engine: 'mysql',
    insert: plain(MYSQL_INSERT),
    other: plain(MYSQL_INSERT.replace('702d31', '702d32')),
  },
  {
    engine: 'postgres',
    insert: { sql: POSTGRES_INSERT, values: boundTo('p-1') },
    other: { sql: POSTGRES_INSERT, values: boundTo('p-2') },
  },
] as const;

function plain(sql: string) {
  return { sql, values: [] };
}

const NONE = {
  'absorbed, was committed': 0,
  'absorbed, was under way': 0,
  'took over': 0,
};

describe.each(protocols)('a copy of a biz-id on $engine', ({ engine, insert, other }) => {
  let meetings: DedupMeetings;
  let first: DedupWatch;
  let second: DedupWatch;
  const counts = () => Object.fromEntries([...meetings.counts].filter(([what]) => what !== 'deadlock'));

  beforeEach(() => {
    meetings = new DedupMeetings(engine);
    [first, second] = [meetings.watch(), meetings.watch()];
    first.command(insert);
    first.answer('done');
  });

  it('comes when the transaction of the first is over', () => {
    first.command(plain('COMMIT'));
    second.command(insert);
    second.answer('duplicate');
    expect(counts()).toEqual({ ...NONE, 'absorbed, was committed': 1 });
  });

  it('waits for the transaction of the first, and is absorbed', () => {
    second.command(insert);
    first.command(plain('COMMIT'));
    second.answer('duplicate');
    expect(counts()).toEqual({ ...NONE, 'absorbed, was under way': 1 });
  });

  it('waits although it was sent before the first had its answer', () => {
    first.command(plain('COMMIT'));
    const [third, fourth] = [meetings.watch(), meetings.watch()];
    for (const watch of [third, fourth]) watch.command(other);
    third.answer('done');
    third.command(plain('COMMIT'));
    fourth.answer('duplicate');
    expect(counts()).toEqual({ ...NONE, 'absorbed, was under way': 1 });
  });

  it.each([
    ['rolls back', () => first.command(plain('ROLLBACK'))],
    ['is cut off', () => first.gone()],
  ])('takes over when the first %s', (_, end) => {
    second.command(insert);
    end();
    second.answer('done');
    expect(counts()).toEqual({ ...NONE, 'took over': 1 });
  });

  it('is made to roll back by the server', () => {
    second.command(insert);
    second.answer('deadlock');
    expect(counts()).toEqual(NONE);
    expect(meetings.counts.get('deadlock')).toBe(1);
  });

  it('waits on when the first goes back to a savepoint', () => {
    second.command(insert);
    first.command(plain('ROLLBACK TO SAVEPOINT mine'));
    first.command(plain('COMMIT'));
    second.answer('duplicate');
    expect(counts()).toEqual({ ...NONE, 'absorbed, was under way': 1 });
  });

  it('is no copy when it has another biz-id', () => {
    second.command(other);
    second.answer('done');
    expect(counts()).toEqual(NONE);
  });
});

it('on PostgreSQL there is no copy that the server makes roll back: none of those that wait has a lock', () => {
  expect([...new DedupMeetings('postgres').counts.keys()]).not.toContain('deadlock');
  expect([...new DedupMeetings('mysql').counts.keys()]).toContain('deadlock');
});
