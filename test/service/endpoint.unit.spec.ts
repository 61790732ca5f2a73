import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Tokens } from '../../src/service/index.js';
import { type TestEndpoint, startEndpoint } from './support/endpoint.js';
import { ask } from './support/ask.js';

// Property: the service keeps nothing of a request that is over, and takes no more at once than it is set to.

type Signal = Promise<void> & { ring: () => void };

describe('the HTTP of a broker service', () => {
  let at: TestEndpoint;

  afterEach(async () => {
    await at.close();
  });

  const wait = { subscriptions: [1], waitMs: 60_000 };
  const nothing = { landed: [], cursor: 0 };
  /** An operation that waits as long as somebody waits for its answer. */
  const asLong = (signal: AbortSignal) =>
    new Promise<typeof nothing>((resolve) => signal.addEventListener('abort', () => resolve(nothing)));

  it('keeps nothing of a request that is over', async () => {
    const sources: AbortSignal[] = [];
    const any = AbortSignal.any.bind(AbortSignal);
    // What it makes is kept by Node 20 as long as its oldest source lives.
    const making = jest.spyOn(AbortSignal, 'any').mockImplementation((signals) => {
      sources.push(...signals);
      return any(signals);
    });
    try {
      at = await startEndpoint({ wait: async () => nothing });
      for (let i = 0; i < 3; i++) expect((await ask(at.url, 'wait', wait)).status).toBe(200);
      const shared = sources.filter((signal, i) => sources.indexOf(signal) !== i);
      expect(shared).toEqual([]);
    } finally {
      making.mockRestore();
    }
  });

  it('answers also where what was done can’t be said', async () => {
    at = await startEndpoint({ wait: async () => ({ landed: [], cursor: 1n as unknown as number }) });
    expect(await ask(at.url, 'wait', wait)).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(at.faults).toEqual([expect.stringMatching(/wait failed: .*BigInt/)]);
  });

  it('asks the database once for all who ask for its health', async () => {
    let asked = 0;
    const isReady = async () => {
      asked++;
      return true;
    };
    at = await startEndpoint({}, { isReady });
    for (let i = 0; i < 5; i++) {
      expect((await ask(at.url, 'health', undefined, { method: 'GET' })).status).toBe(200);
    }
    expect(asked).toBe(1);
  });

  it('keeps no connection of whoever has no token', async () => {
    const tokens = new Tokens([{ name: 'all', token: 'x'.repeat(32), publish: 'all' }]);
    at = await startEndpoint({ wait: async () => nothing }, { tokens });
    const socket = connect(Number(new URL(at.url).port), '127.0.0.1');
    socket.write('POST /v1/wait HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}');
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString()));
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 401 .*connection: close.*TOKEN_MISSING/is);
  });

  it('lets who sends a long body send it, and read why it is not taken', async () => {
    at = await startEndpoint({ wait: async () => nothing });
    const LENGTH = 4 * 1024 * 1024;
    const socket = connect(Number(new URL(at.url).port), '127.0.0.1');
    const head = 'POST /v1/wait HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';
    socket.write(`${head}content-length: ${LENGTH}\r\n\r\n`);
    let answer = '';
    let broke: Error | undefined;
    socket.on('error', (error) => (broke = error));
    // The service has answered by now; a slow connection would still be sending.
    socket.once('data', () => socket.write(Buffer.alloc(LENGTH, 'x')));
    socket.on('data', (bytes) => (answer += bytes.toString()));
    await once(socket, 'close');
    expect(broke).toBeUndefined();
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s);
  });

  it('takes so many at once, whatever they ask for, and doesn’t count who waits', async () => {
    const signals = (n: number) =>
      Array.from({ length: n }, () => {
        let ring!: () => void;
        return Object.assign(new Promise<void>((resolve) => (ring = resolve)), { ring: () => ring() });
      });
    const [begun, waits, isToEnd] = signals(3) as [Signal, Signal, Signal];
    const [atWork, workIsDone] = signals(2) as [Signal, Signal];
    at = await startEndpoint(
      {
        claim: async (_, { waiting }) => {
          begun.ring();
          await waits;
          await waiting(() => isToEnd);
          return { deliveries: [], suspects: [], heldBack: false };
        },
        identify: async () => {
          atWork.ring();
          await workIsDone;
          return { broker: randomUUID(), now: 0 };
        },
      },
      { maxRequests: 1 },
    );
    const claim = { subscription: 1, claimId: randomUUID(), limit: 1, leaseMs: 1 };
    const claiming = ask(at.url, 'claim', claim);
    await begun;
    for (const [operation, request] of [['claim', claim] as const, ['identify', {}] as const]) {
      expect(await ask(at.url, operation, request)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    }
    waits.ring();
    const identifying = ask(at.url, 'identify', {});
    await atWork;
    isToEnd.ring();
    expect((await claiming).status).toBe(200);
    workIsDone.ring();
    expect((await identifying).status).toBe(200);
  });

  it('answers whoever waits when it stops', async () => {
    let begun!: () => void;
    const waiting = new Promise<void>((resolve) => (begun = resolve));
    at = await startEndpoint({
      wait: async (_, { signal }) => {
        begun();
        return asLong(signal);
      },
    });
    const asked = ask(at.url, 'wait', wait);
    await waiting;
    await at.endpoint.stop();
    expect((await asked).body).toEqual(nothing);
    expect((await ask(at.url, 'wait', wait)).code).toBe('UNAVAILABLE');
  });
});
