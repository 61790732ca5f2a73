import fc from 'fast-check';
import { InvalidBizIdError, defineTopic } from '../../src/index.js';
import { MAX_BIZ_ID_BYTES, bizIdOf } from '../../src/topic/index.js';

const Order = defineTopic<{ id?: unknown }>({ name: 'order', bizId: (order) => order.id as string });
const bytesOf = (id: unknown) => bizIdOf(Order, { id });

describe('a biz-id', () => {
  it('is the bytes of its text, so that two texts are two ids', () => {
    fc.assert(
      fc.property(bizIds(), bizIds(), (one, other) => {
        expect(bytesOf(one).equals(bytesOf(other))).toBe(one === other);
        expect(bytesOf(one).toString('utf8')).toBe(one);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['missing', {}, 'got undefined'],
    ['null', { id: null }, 'got null'],
    ['empty', { id: '' }, 'got the string ""'],
    ['a number', { id: 0 }, 'got the number 0'],
    ['a BigInt', { id: 5n }, 'got the bigint 5'],
    ['an object that a driver would take for SQL', { id: { toSqlString: () => '1 = 1' } }, 'got an object'],
    ['an array', { id: ['order-1'] }, 'got an array'],
    ['a boxed string', { id: new String('x') }, 'got an object'],
    ['a promise', { id: Promise.resolve('x') }, 'got a promise'],
    ['a lone surrogate', { id: 'order-\uD800' }, 'lone surrogate'],
    ['longer than its column', { id: 'x'.repeat(256) }, 'got 256'],
    ['longer than its column in bytes only', { id: 'é'.repeat(128) }, 'got 256'],
  ])('is refused when it is %s, saying so', (_, body, what) => {
    const attempt = () => bizIdOf(Order, body);
    expect(attempt).toThrow(InvalidBizIdError);
    expect(attempt).toThrow('Topic order: bizId() must return');
    expect(attempt).toThrow(what);
  });

  it('may be as long as its column', () => {
    expect(bytesOf('x'.repeat(MAX_BIZ_ID_BYTES))).toHaveLength(255);
    expect(bytesOf('é'.repeat(127))).toHaveLength(254);
  });

  it('is refused when reading it from the body throws, with the reason', () => {
    const Nested = defineTopic<{ order: { id: string } }>({ name: 'nested', bizId: ({ order }) => order.id });
    const attempt = () => bizIdOf(Nested, {});
    expect(attempt).toThrow(InvalidBizIdError);
    expect(attempt).toThrow(/bizId\(\) threw for this payload \(.*undefined.*\)\. The sender must bring/s);
  });
});

function bizIds(): fc.Arbitrary<string> {
  const lookalikes = fc.constantFrom(
    'abc',
    'ABC',
    'ábc',
    'a\u0301bc',
    'abc ',
    ' abc',
    'abc\0',
    '💳',
    '💰',
    'ß',
    'ss',
  );
  const any = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  return fc.oneof(lookalikes, any).filter((id) => Buffer.byteLength(id) <= 255);
}
