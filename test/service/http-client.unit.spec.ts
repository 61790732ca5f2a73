import { randomBytes } from 'node:crypto';
import { AckTimeoutError, BrokerRefusedError, BrokerUnreachableError } from '../../src/errors/index.js';
import { AskedClaims } from '../../src/transport/http/asked-claims.js';
import { Batches } from '../../src/transport/http/batches.js';
import { BrokerOverHttp, remoteBroker } from '../../src/broker-over-http.js';

const UNCLEAR = new AckTimeoutError('No answer came.');
const REFUSED = new BrokerRefusedError('Not now.', undefined);

describe('a claim whose answer did not come', () => {
  const claim = () => ({ subscription: { id: 7 }, claimId: randomBytes(16), leaseMs: 30_000 });
  let givenUp: unknown[];
  let claims: AskedClaims;

  beforeEach(() => {
    givenUp = [];
    const ask = async (name: string, request: unknown) => void givenUp.push([name, request]);
    claims = new AskedClaims({ ask: ask as never });
  });

  const fails = async (...errors: Error[]) => {
    await expect(claims.ask(claim(), () => Promise.reject(errors.shift()!))).rejects.toThrow();
    expect(errors).toEqual([]);
  };

  it('is asked for again, and that answer counts', async () => {
    const answers = [Promise.reject(UNCLEAR), Promise.resolve('leased')];
    await expect(claims.ask(claim(), () => answers.shift()!)).resolves.toBe('leased');
    await claims.close();
    expect(givenUp).toEqual([]);
  });

  it.each([
    ['it did not come again', UNCLEAR],
    ['the second was refused, which says nothing of the first', REFUSED],
  ])('is given up as soon as the broker answers anything, where %s', async (_, second) => {
    await fails(UNCLEAR, second);
    expect(givenUp).toEqual([]);
    claims.brokerAnswers();
    expect(givenUp).toMatchObject([['give-up-claim', { subscription: 7 }]]);
    claims.brokerAnswers();
    await claims.close();
    expect(givenUp).toHaveLength(1);
  });

  it('is given up when the process stops', async () => {
    await fails(UNCLEAR, new BrokerUnreachableError('the broker', { cause: UNCLEAR }, 'The broker'));
    await claims.close();
    expect(givenUp).toHaveLength(1);
  });

  it('leaves nothing to give up where it was refused', async () => {
    await fails(REFUSED);
    await claims.close();
    expect(givenUp).toEqual([]);
  });
});

describe('what is sent together', () => {
  const sent: number[][] = [];
  const batches = new Batches<number, string>(
    async (items) => {
      sent.push([...items]);
      if (items.includes(13)) throw REFUSED;
      if (items.includes(99)) throw UNCLEAR;
      return items.map((item) => `taken ${item}`);
    },
    100,
    1,
    (error) => error === REFUSED,
  );
  const outcomes = async (...items: number[]) =>
    (await Promise.allSettled(items.map((item) => batches.add(item)))).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : outcome.reason,
    );

  beforeEach(() => sent.splice(0));

  it('is sent one by one where one of it may be what is refused', async () => {
    expect(await outcomes(0, 1, 13, 2)).toEqual(['taken 0', 'taken 1', REFUSED, 'taken 2']);
    expect(sent).toEqual([[0], [1, 13, 2], [1], [13], [2]]);
  });

  it('fails together where nobody knows what became of it', async () => {
    expect(await outcomes(0, 1, 99)).toEqual(['taken 0', UNCLEAR, UNCLEAR]);
    expect(sent).toEqual([[0], [1, 99]]);
  });
});

describe('an operator far from the broker', () => {
  it('is refused what JSON would make null of, which takes a limit away', async () => {
    const broker = remoteBroker(new BrokerOverHttp({ url: 'http://127.0.0.1:1' }));
    const limit = broker.groups.limit({ group: 'cards' }, { concurrency: Number(undefined) });
    await expect(limit).rejects.toThrow(/groups\.limit must be called with finite numbers \(got .*NaN/);
  });
});
