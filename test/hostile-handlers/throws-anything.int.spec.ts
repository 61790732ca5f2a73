import type * as errors from '../../src/errors/index.js';
import { AckMissingError, RejectMessageError, RetryLaterError } from '../../src/index.js';
import { engines } from '../support/engines.js';
import {
  type Handler,
  type End,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  runs,
} from '../support/hostile.js';

/** Whatever a handler throws, after whatever it did: its effect is gone, its delivery counts a failure, the worker goes on. */

class Hostile extends Error {
  override get message(): string {
    throw new Error('a message that throws');
  }
  override get stack(): string {
    throw new Error('a stack that throws');
  }
}

function recursive(): object {
  const error: { cause?: object } = {};
  error.cause = error;
  return error;
}

const thrown: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a string', 'the card printer is on fire'],
  ['an empty string', ''],
  ['a number', 0],
  ['a symbol', Symbol('fire')],
  ['a bigint', 10n],
  ['a function', () => 'fire'],
  ['an object without a prototype', Object.create(null)],
  ['an object whose toString throws', { toString: () => fail() }],
  ['an object whose toJSON throws', { toJSON: () => fail() }],
  ['an object whose getters throw', hostileGetters()],
  ['a proxy that throws at every touch', hostileProxy()],
  ['an object that is its own cause', recursive()],
  ['an Error whose message and stack throw', new Hostile('fire')],
  ['a frozen Error', Object.freeze(new Error('fire'))],
  ['an error of 10 MB', new Error('x'.repeat(10_000_000))],
  ['what looks like an error of the library', { code: 'LEASE_LOST' }],
  ['what looks like RetryLaterError', { code: 'RETRY_LATER', delayMs: 60_000 }],
  ['an error of somebody else that has the code REJECTED', Object.assign(new Error(), { code: 'REJECTED' })],
];

/** Anything but a time from now on: a moment in place of a delay would be decades away. */
const noDelays = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  1e300,
  1_800_000_000_000,
  '60000' as never,
  undefined as never,
];

/** As an app has that loads the ESM and the CommonJS copy. */
function copyOfErrors(): Pick<typeof errors, 'RetryLaterError' | 'RejectMessageError'> {
  let copy!: typeof errors;
  jest.isolateModules(() => {
    copy = jest.requireActual<typeof errors>('../../src/errors/index.js');
  });
  expect(copy.RetryLaterError).not.toBe(RetryLaterError);
  return copy;
}

function fail(): never {
  throw new Error('hostile');
}

function hostileGetters(): object {
  const names = ['code', 'driverError', 'cause', 'name', 'message', 'stack', 'errno', 'sqlState', 'delayMs'];
  return Object.defineProperties({}, Object.fromEntries(names.map((name) => [name, { get: fail }])));
}

function hostileProxy(): object {
  const traps = ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor'];
  return new Proxy({}, Object.fromEntries(traps.map((trap) => [trap, fail])));
}

describe.each(engines)('a handler that throws, on %s', (engine) => {
  const worker = hostileWorker(engine);

  beforeAll(() =>
    worker.meetsAll(
      thrown.map(([name, value]) => [
        name,
        async (paid, delivery) => {
          await issueCard(paid, delivery);
          throw value;
        },
      ]),
    ),
  );

  it.each(thrown)('leaves nothing when it throws %s after its effect', async (name) => {
    expect(await worker.end(name)).toEqual(failedTwice);
  });

  it('leaves nothing when it throws before it returns a promise', async () => {
    const end = await worker.meets(() => {
      throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(failedTwice);
  });

  it('keeps the errors of all attempts, oldest first', async () => {
    const id = worker.newId();
    let attempt = 0;
    await worker.meets(() => {
      throw new Error(`attempt ${++attempt}`);
    }, id);
    expect(await worker.errors(id)).toEqual([
      expect.stringContaining(`Error: attempt ${attempt - 1}`),
      expect.stringContaining(`Error: attempt ${attempt}`),
    ]);
  });

  it('takes effect once when a later attempt gets through', async () => {
    let attempt = 0;
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      if (++attempt === 1) throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(effectOnce(2));
  });

  it('costs no attempt when it throws RetryLaterError, however often', async () => {
    const id = worker.newId();
    let attempt = 0;
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      if (++attempt <= 3) throw new RetryLaterError({ delayMs: 1 });
    }, id);
    expect(end).toEqual(effectOnce(4));
    const seen = worker.whatHappened(id);
    const scheduled = seen.filter((type) => type === 'retry-scheduled');
    expect(scheduled).toHaveLength(seen.filter((type) => type === 'delivered').length - 1);
  });

  it.each([0, 0.4, Number.MIN_VALUE])(
    'comes again at once after RetryLaterError with a delay of %d ms',
    async (delayMs) => {
      let attempt = 0;
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        if (++attempt === 1) throw new RetryLaterError({ delayMs });
      });
      expect(end).toEqual(effectOnce(2));
    },
  );

  it.each(noDelays)('counts a failure when it throws RetryLaterError with a delay of %p', async (delayMs) => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      throw new RetryLaterError({ delayMs });
    }, id);
    expect(end).toEqual(failedTwice);
    expect(await worker.errors(id)).toEqual(
      Array(2).fill(expect.stringMatching(/^InvalidOptionError: RetryLaterError\(\{ delayMs \}\) must be/)),
    );
  });

  it('is understood when what it throws comes from another copy of the library', async () => {
    let attempt = 0;
    const end = await worker.meets(async () => {
      const other = copyOfErrors();
      if (++attempt === 1) throw new other.RetryLaterError({ delayMs: 1 });
      throw new other.RejectMessageError('no such user');
    });
    expect(end).toMatchObject({ runs: runs(2), deadLetters: [{ reason: 'rejected', failures: 0 }] });
  });

  it('goes to the dead letters at once when it throws RejectMessageError', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      throw new RejectMessageError('no such user');
    });
    const rejected: End = {
      ...failedTwice,
      runs: runs(1),
      deadLetters: [{ reason: 'rejected', failures: 0, lostLeases: 0 }],
    };
    expect(end).toEqual(rejected);
  });

  it('takes effect once whatever it returns', async () => {
    const returned: unknown[] = [hostileGetters(), Symbol('done'), null, new AckMissingError('not thrown')];
    for (const value of returned) {
      const handler: Handler = async (paid, delivery) => {
        await issueCard(paid, delivery);
        return value;
      };
      expect(await worker.meets(handler)).toEqual(effectOnce());
    }
  });
});
