import { DedupMeetings, type DedupWatch } from '../../campaigns/proxy/dedup-meetings.js';

// Property: what copies of one biz-id do to each other in the dedup log is told from what goes over the wire.

const INSERT =
  "INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at) VALUES (1, X'702d31', X'00', 1, 1, 5)";
const OTHER = INSERT.replace('702d31', '702d32');

function command(sql: string): string {
  return `\x00\x00\x00\x00\x03${sql}`;
}

function error(code: number): Buffer {
  return Buffer.from([0, 0, 0, 1, 0xff, code & 0xff, code >> 8]);
}

const OK = Buffer.from([0, 0, 0, 1, 0, 1, 0]);
const NONE = {
  'absorbed, was committed': 0,
  'absorbed, was under way': 0,
  'took over': 0,
  deadlock: 0,
};

describe('a copy of a biz-id', () => {
  let meetings: DedupMeetings;
  let first: DedupWatch;
  let second: DedupWatch;
  const counts = () => Object.fromEntries(meetings.counts);

  beforeEach(() => {
    meetings = new DedupMeetings();
    [first, second] = [meetings.watch(), meetings.watch()];
    first.command(command(INSERT));
    first.answer(OK);
  });

  it('comes when the transaction of the first is over', () => {
    first.command(command('COMMIT'));
    second.command(command(INSERT));
    second.answer(error(1062));
    expect(counts()).toEqual({ ...NONE, 'absorbed, was committed': 1 });
  });

  it('waits for the transaction of the first, and is absorbed', () => {
    second.command(command(INSERT));
    first.command(command('COMMIT'));
    second.answer(error(1062));
    expect(counts()).toEqual({ ...NONE, 'absorbed, was under way': 1 });
  });

  it('waits although it was sent before the first had its answer', () => {
    first.command(command('COMMIT'));
    const [third, fourth] = [meetings.watch(), meetings.watch()];
    for (const watch of [third, fourth]) watch.command(`\x00\x00\x00\x00\x03\x00\x01${OTHER}`);
    third.answer(OK);
    third.command(command('COMMIT'));
    fourth.answer(error(1062));
    expect(counts()).toEqual({ ...NONE, 'absorbed, was under way': 1 });
  });

  it.each([
    ['rolls back', () => first.command(command('ROLLBACK'))],
    ['is cut off', () => first.gone()],
  ])('takes over when the first %s', (_, end) => {
    second.command(command(INSERT));
    end();
    second.answer(OK);
    expect(counts()).toEqual({ ...NONE, 'took over': 1 });
  });

  it('is made to roll back by the server', () => {
    second.command(command(INSERT));
    second.answer(error(1213));
    expect(counts()).toEqual({ ...NONE, deadlock: 1 });
  });

  it('is no copy when it has another biz-id', () => {
    second.command(command(OTHER));
    second.answer(OK);
    expect(counts()).toEqual(NONE);
  });
});
