import { type makeSqliteSafe } from '../../src/storage/sqlite/index.js';
import { WritersQueue, type Turn } from '../../src/storage/sqlite/writers-queue.js';

// Property: one writer at a time, in the order in which they came, and nobody waits for one that has gone.

describe('the queue of writers', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const writer = (name: string, priority: 'control' | 'normal' = 'normal') => ({ name, priority });
  const settled = async () => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };

  it('lets in one at a time, in the order in which they came', async () => {
    const queue = new WritersQueue('a.db', true);
    const order: string[] = [];
    const turns: Turn[] = [];
    for (const name of ['first', 'second', 'third']) {
      void queue.join(writer(name), 1000).turn.then((turn) => {
        order.push(name);
        turns.push(turn);
      });
    }
    await settled();
    expect(order).toEqual(['first']);
    turns[0]?.leave();
    turns[0]?.leave(); // once more does not let in two
    await settled();
    expect(order).toEqual(['first', 'second']);
    turns[1]?.leave();
    await settled();
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('passes over those that gave up, and those that were told to', async () => {
    const queue = new WritersQueue('a.db', true);
    const holder = await queue.join(writer('holder'), 1000).turn;
    const late = expect(queue.join(writer('late'), 50).turn).rejects.toMatchObject({
      code: 'SQLITE_WRITE_TIMEOUT',
      writer: 'late',
      waitedMs: 50,
      holder: { name: 'holder', heldForMs: 50 },
    });
    const released = queue.join(writer('released'), 1000);
    const refused = expect(released.turn).rejects.toThrow('released');
    const patient = queue.join(writer('patient'), 1000);
    released.cancel(new Error('released'));
    await jest.advanceTimersByTimeAsync(50);
    await Promise.all([late, refused]);
    holder.leave();
    const turn = await patient.turn;
    patient.cancel(new Error('too late to be cancelled'));
    turn.leave();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets control go ahead, but only three in a row, so that nobody is shut out by them', async () => {
    const queue = new WritersQueue('a.db', true);
    const order: string[] = [];
    const pass = (name: string, priority: 'control' | 'normal') =>
      queue.join(writer(name, priority), 1000).turn.then((turn) => {
        order.push(name);
        // Whoever acknowledges one delivery soon has the next one to acknowledge.
        if (priority === 'control' && order.length < 8) void pass('control', 'control');
        turn.leave();
      });
    const holder = await queue.join(writer('holder'), 1000).turn;
    const normal = ['normal 1', 'normal 2'].map((name) => pass(name, 'normal'));
    void pass('control', 'control');
    void pass('control', 'control');
    holder.leave();
    await Promise.all(normal);
    const three = ['control', 'control', 'control'];
    expect(order.slice(0, 8)).toEqual([...three, 'normal 1', ...three, 'normal 2']);
  });

  it('leaves a gap for other processes when its writers have followed each other for a quarter of a second', async () => {
    const queue = new WritersQueue('a.db', true);
    const gaps: number[] = [];
    let left = performance.now();
    for (let i = 0; i < 60; i++) {
      void queue.join(writer('busy'), 10_000).turn.then((turn) => {
        gaps.push(performance.now() - left);
        const transactionOver = () => {
          left = performance.now();
          turn.leave();
        };
        setTimeout(transactionOver, 10);
      });
    }
    await jest.advanceTimersByTimeAsync(1000);
    expect(gaps).toHaveLength(60);
    expect(gaps.filter((ms) => ms > 0)).toEqual([5, 5]);
  });

  it('leaves no gap where nobody else can write: in memory', async () => {
    const queue = new WritersQueue(':memory:', false);
    for (let i = 0; i < 100; i++) {
      const turn = await queue.join(writer('busy'), 1000).turn; // would hang, for no timer is advanced meanwhile
      await jest.advanceTimersByTimeAsync(10);
      turn.leave();
    }
  });
});

describe('two copies of this library in one process', () => {
  it('share the queue of a file, and what was made safe', async () => {
    const { SqliteDatabases } = await import('./fixtures/sqlite-database.js');
    const databases = new SqliteDatabases();
    let other!: { makeSqliteSafe: typeof makeSqliteSafe };
    jest.isolateModules(() => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      other = require('../../src/storage/sqlite/index.js') as typeof other;
    });
    const { dataSource, connections } = await databases.safe();
    expect(other.makeSqliteSafe(dataSource)).toBe(connections);

    const second = await databases.plain({ synchronize: false });
    other.makeSqliteSafe(second, { writeWaitMs: 20 });
    const holder = connections.createQueryRunner({ name: 'the first copy' });
    await holder.startTransaction();
    await expect(second.query('DELETE FROM payment')).rejects.toMatchObject({
      holder: { name: 'the first copy' },
    });
    await holder.release();
    await databases.remove();
  });
});
