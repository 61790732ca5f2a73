import fc from 'fast-check';
import { InnerMsgIds } from '../../src/publisher/index.js';

const UUID_V7 = /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/;
const timeOf = (id: Buffer) => id.readUIntBE(0, 6);

describe('inner-msg-ids', () => {
  it('are 16 bytes with the layout of a UUIDv7 and the time in front', () => {
    let now = 0x0123_4567_89ab;
    const ids = new InnerMsgIds(() => now);
    const id = ids.next();
    expect(id).toHaveLength(16);
    expect(id.toString('hex')).toMatch(UUID_V7);
    expect(id.toString('hex').slice(0, 12)).toBe('0123456789ab');
    now = 2 ** 48 - 1;
    expect(timeOf(ids.next())).toBe(2 ** 48 - 1);
  });

  it('grow within a process, whatever its clock does', () => {
    // A clock that stands, runs, jumps and is set back; mostly several ids a millisecond.
    const steps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -5_000, max: 5_000 })), {
      minLength: 50,
    });
    fc.assert(
      fc.property(steps, (deltas) => {
        let now = 1_700_000_000_000;
        const ids = new InnerMsgIds(() => now);
        let last = ids.next();
        for (const delta of deltas) {
          now += delta;
          const next = ids.next();
          if (!UUID_V7.test(next.toString('hex')) || Buffer.compare(last, next) >= 0) return false;
          last = next;
        }
        return true;
      }),
    );
  });

  it('are as many in a millisecond as anyone asks for', () => {
    const ids = new InnerMsgIds(() => 1_700_000_000_000);
    const made = Array.from({ length: 20_000 }, () => ids.next());
    expect(new Set(made.map((id) => id.toString('hex'))).size).toBe(made.length);
    expect(made.every((id, i) => i === 0 || Buffer.compare(made[i - 1]!, id) < 0)).toBe(true);
    expect(new Set(made.map(timeOf))).toEqual(new Set([1_700_000_000_000]));
  });

  it('keep the last time when the clock is set back, and follow it once it is past that again', () => {
    let now = 10_000;
    const ids = new InnerMsgIds(() => now);
    ids.next();
    now = 5_000;
    expect(timeOf(ids.next())).toBe(10_000);
    now = 10_001;
    expect(timeOf(ids.next())).toBe(10_001);
  });

  it('begin each millisecond at random, so that two processes do not meet', () => {
    const made = Array.from({ length: 100 }, () => new InnerMsgIds(() => 1).next().toString('hex'));
    expect(new Set(made).size).toBe(100);
  });

  it('come from one source in a process, also for several publishers and copies of the library', async () => {
    let Copy = InnerMsgIds;
    await jest.isolateModulesAsync(async () => {
      ({ InnerMsgIds: Copy } = await import('../../src/publisher/index.js'));
    });
    expect(Copy).not.toBe(InnerMsgIds);
    const sources = [InnerMsgIds.ofProcess(), Copy.ofProcess()];
    const made = Array.from({ length: 100 }, (_, i) => sources[i % 2]!.next());
    expect(made.every((id, i) => i === 0 || Buffer.compare(made[i - 1]!, id) < 0)).toBe(true);
  });
});
