import { DAY_MS, send, sent } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { DedupLog } from './support/dedup-log.js';

// Property: what one pass has left over goes with the next one, however little time has passed by the watermark.

describe.each(engines)('what a pass of forgetting has left over, on %s,', (engine) => {
  let database: TestDatabase;
  let log: DedupLog;

  beforeEach(async () => {
    database = await createDatabase(engine);
    log = await DedupLog.open(database);
  });

  afterEach(async () => {
    await log.close();
    await database.drop();
  });

  /** A message that is ready holds the watermark where it landed. */
  const holdWatermark = async (days: number) => {
    await send(log.broker, [sent('pin')]);
    await log.parts.dataSource.query('UPDATE mq_message SET landed_at = landed_at - ?', [
      days * DAY_MS * 1000,
    ]);
  };

  it('goes once the retention is shorter, though the watermark is held', async () => {
    await log.note(['old', 'older'], 200);
    await holdWatermark(50);
    await log.sweeper({ retention: { dedupMs: 365 * DAY_MS } }).forget();
    expect(await log.remembered()).toEqual(['old', 'older']);
    const [pass] = await log.sweeper().forget();
    expect(pass).toMatchObject({ forgotten: 2, heldBackBy: undefined });
    expect(await log.remembered()).toEqual([]);
  });

  it('goes when the one that began has died, though the watermark is held', async () => {
    await log.note(['old', 'older'], 200);
    await holdWatermark(50);
    const real = log.parts.connections;
    let transactions = 0;
    const dying = Object.assign(Object.create(real) as typeof real, {
      controlTransaction: ((...given: Parameters<typeof real.controlTransaction>) => {
        // The mark is raised, and nothing has gone.
        if (++transactions > 1) throw new Error('died');
        return real.controlTransaction(...given);
      }) as typeof real.controlTransaction,
    });
    await expect(log.sweeper({ connections: dying }).forget()).rejects.toThrow('died');
    expect(await log.remembered()).toEqual(['old', 'older']);
    const [pass] = await log.sweeper().forget();
    expect(pass!.forgotten).toBe(2);
  });

  it('of one scenario keeps no other from being forgotten', async () => {
    const other = 'consumer/2:g2/11:other.topic';
    await log.register('g2', 'other.topic', other);
    await log.note(['a'], 200);
    await log.note(['b'], 200, other);
    const real = log.parts.connections;
    let isFirst = true;
    const failing = Object.assign(Object.create(real) as typeof real, {
      controlTransaction: ((...given: Parameters<typeof real.controlTransaction>) => {
        if (isFirst) {
          isFirst = false;
          throw new Error('it can not be locked');
        }
        return real.controlTransaction(...given);
      }) as typeof real.controlTransaction,
    });
    await expect(log.sweeper({ connections: failing }).forget()).rejects.toThrow('it can not be locked');
    expect(await log.remembered()).toHaveLength(1);
  });
});
