import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { InvalidPayloadError } from '../../src/index.js';
import { DEFAULT_PAYLOAD_LIMITS, decodePayload, encodePayload } from '../../src/topic/index.js';
import { sendableJson } from './support/sendable-json.js';

const encode = (payload: unknown, limits = DEFAULT_PAYLOAD_LIMITS) => encodePayload('topic', payload, limits);
const roundTrip = (payload: unknown) => decodePayload(encode(payload));

function nested(levels: number): unknown {
  let value: unknown = 'the innermost';
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { value };
  return value;
}

/** Its JSON is far longer than any string can be, and walking all of it would take for ever. */
function sharedTwiceALevel(levels: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < levels; level++) value = { left: value, right: value };
  return value;
}

describe('a payload', () => {
  it.each([
    ['emoji and other scripts', { text: '💳 ünïcödé 支払い \u{10FFFF}' }],
    ['what looks like a placeholder', { text: "? ?? :name :id $1 @p 'x' ?" }],
    ['quotes and backslashes', { text: `'"\`\\ \\' \\" \\0 \0 \n \r \u2028` }],
    ['what looks like SQL', { text: `'); DROP TABLE mq_message; --` }],
    ['a number beyond doubles, as text', { amount: '9007199254740993' }],
    ['numbers at the ends of doubles', { values: [Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, 0.1] }],
    ['null, empty and false things', { a: null, b: '', c: 0, d: false, e: [], f: {} }],
    ['a lone surrogate inside a text', { text: 'a\uD800b' }],
    ['keys with dots, spaces and quotes', { 'a.b': 1, 'a b': 2, '"': 3, '': 4 }],
    ['a key called constructor', { constructor: 1, prototype: 2, hasOwnProperty: 3 }],
    ['a text', 'only a text'],
    ['null', null],
  ])('comes back as it was: %s', (_, payload) => {
    expect(roundTrip(payload)).toEqual(payload);
  });

  it('comes back as it was, whatever JSON it is', () => {
    fc.assert(
      fc.property(sendableJson(), (payload) => {
        expect(JSON.stringify(roundTrip(payload))).toBe(JSON.stringify(payload));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the order of its keys', () => {
    const keys = ['zebra', 'apple', 'Zebra', 'mango'];
    const payload = Object.fromEntries(keys.map((key) => [key, key]));
    expect(Object.keys(roundTrip(payload) as object)).toEqual(keys);
  });

  it('may hold one object in two places', () => {
    const address = { street: 'Main Street' };
    const payload = { from: address, to: address, all: [address, address] };
    expect(roundTrip(payload)).toEqual(payload);
  });

  it('may come from another realm, as the JSON of a test or of a worker does', () => {
    const payload: unknown = runInNewContext('({ list: [1, { deep: true }], none: null })');
    expect(roundTrip(payload)).toEqual({ list: [1, { deep: true }], none: null });
  });

  it('may have no prototype', () => {
    const payload = Object.assign(Object.create(null) as object, { amount: 1 });
    expect(roundTrip(payload)).toEqual({ amount: 1 });
  });

  it('may be an instance of a class: its own fields are sent', () => {
    class Money {
      constructor(
        readonly amount: number,
        readonly currency: string,
      ) {}
    }
    expect(roundTrip({ price: new Money(5, 'EUR') })).toEqual({ price: { amount: 5, currency: 'EUR' } });
  });

  const cyclic: Record<string, unknown> = { name: 'outer' };
  cyclic.inner = { list: [cyclic] };

  it.each([
    ['a BigInt', { order: { amount: 9007199254740993n } }, 'payload.order.amount', 'a BigInt'],
    ['a cycle', cyclic, 'payload.inner.list[0]', 'contains itself'],
    ['a function', { order: { pay: () => 1 } }, 'payload.order.pay', 'function'],
    ['a symbol', { order: [Symbol('x')] }, 'payload.order[0]', 'symbol'],
    ['undefined', { order: { coupon: undefined } }, 'payload.order.coupon', 'undefined'],
    ['undefined as a whole', undefined, 'payload', 'undefined'],
    ['NaN', { amount: NaN }, 'payload.amount', 'NaN'],
    ['Infinity', { amounts: [1, -Infinity] }, 'payload.amounts[1]', '-Infinity'],
    ['a Date', { at: new Date(0) }, 'payload.at', 'Date'],
    ['an invalid Date', { at: new Date(NaN) }, 'payload.at', 'Date'],
    ['a Map', { prices: new Map([['a', 1]]) }, 'payload.prices', 'Map'],
    ['a Set', { tags: new Set(['a']) }, 'payload.tags', 'Set'],
    ['a RegExp', { pattern: /x/ }, 'payload.pattern', 'RegExp'],
    ['an Error', { error: new Error('x') }, 'payload.error', 'Error'],
    ['a Promise', { later: Promise.resolve(1) }, 'payload.later', 'Promise'],
    ['a Buffer', { bytes: Buffer.from('x') }, 'payload.bytes', 'Buffer'],
    ['typed numbers', { bytes: new Uint8Array(2) }, 'payload.bytes', 'Uint8Array'],
    ['a boxed string', { text: new String('x') }, 'payload.text', 'String'],
    ['an object with toJSON', { money: { toJSON: () => 1 } }, 'payload.money', 'Object'],
    ['holes', { list: [1, , 3] }, 'payload.list[1]', 'undefined'],
    ['an own __proto__', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), 'payload.a', '__proto__'],
    ['a key that is a symbol', { a: { [Symbol('x')]: 1 } }, 'payload.a', 'symbol'],
    ['a field on an array', { list: Object.assign([1], { total: 1 }) }, 'payload.list', 'total'],
  ])('is refused where JSON would change it: %s', (_, payload, place, what) => {
    const attempt = () => encode(payload);
    expect(attempt).toThrow(InvalidPayloadError);
    expect(attempt).toThrow(`Topic topic: ${place} `);
    expect(attempt).toThrow(what);
  });

  it('may be nested as deep as the limit, and no deeper', () => {
    expect(roundTrip(nested(64))).toEqual(nested(64));
    expect(() => encode(nested(65))).toThrow(/nested more than 64 levels deep \(option payload.maxDepth\)/);
    expect(() => encode(nested(65))).toThrow('payload.value[0].value');
    const limits = { ...DEFAULT_PAYLOAD_LIMITS, maxDepth: 2 };
    expect(encode(nested(2), limits).toString()).toBe('[{"value":"the innermost"}]');
    expect(() => encode(nested(3), limits)).toThrow('more than 2 levels');
  });

  it('may be as long as the limit in bytes of UTF-8, and no longer', () => {
    const limits = { ...DEFAULT_PAYLOAD_LIMITS, maxBytes: 12 };
    expect(encode('ääääx', { ...limits, maxBytes: 11 })).toHaveLength(11);
    expect(encode('ääääää'.slice(0, 5), limits)).toHaveLength(12);
    expect(() => encode('ääääääx', limits)).toThrow(
      /the payload is 15 bytes of JSON, more than the limit of 12 \(option payload.maxBytes\)/,
    );
    const atLimit = 'x'.repeat(DEFAULT_PAYLOAD_LIMITS.maxBytes - 2);
    expect(encode(atLimit)).toHaveLength(1024 * 1024);
    expect(() => encode(`${atLimit}x`)).toThrow(InvalidPayloadError);
  });

  it('is refused for its size without being walked to its end', () => {
    const limits = { ...DEFAULT_PAYLOAD_LIMITS, maxBytes: 100_000 };
    expect(() => encode(sharedTwiceALevel(60), limits)).toThrow('over 400000 bytes of JSON');
    const shared = 'x'.repeat(1024 * 1024);
    expect(() => encode(Array(1_000).fill(shared))).toThrow('over 4194304 bytes of JSON');
  });
});
