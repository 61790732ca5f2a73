import fc from 'fast-check';
import { canonicalJson, fingerprintOf } from '../../src/topic/index.js';
import { sendableJson } from './support/sendable-json.js';

// Property: bodies that say the same have one fingerprint, however they are written down, and no others do.

/** The same with the keys of each object in the other order. */
function turnedAround(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turnedAround);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, field]) => [key, turnedAround(field)]),
  );
}

describe('a fingerprint', () => {
  it('is 16 bytes, of the canonical form', () => {
    expect(canonicalJson({ b: [1, -0, 1e21, 'ü"'], a: { d: null, c: true } })).toBe(
      '{"a":{"c":true,"d":null},"b":[1,0,1e+21,"ü\\""]}',
    );
    expect(fingerprintOf({ paymentId: 'P-1' })).toHaveLength(16);
  });

  it('sorts keys by their UTF-16 code units, as RFC 8785 has it', () => {
    // The emoji's first unit is 0xd83d, below the ligature's 0xfb33, though its code point is above.
    const keys = ['\ufb33', '\u{1f600}', '\u20ac', '\u00f6', '\u0080', '1', '\r'];
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'];
    const canonical = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(Object.keys(JSON.parse(canonical) as object).filter((key) => key !== '1')).toEqual(
      sorted.filter((key) => key !== '1'),
    );
  });

  it('is the same for whatever order of keys, and survives JSON', () => {
    fc.assert(
      fc.property(sendableJson(), (value) => {
        const read: unknown = JSON.parse(JSON.stringify(value));
        expect(fingerprintOf(turnedAround(read))).toEqual(fingerprintOf(value));
      }),
    );
  });

  it('is another one wherever JSON would show a difference', () => {
    fc.assert(
      fc.property(sendableJson(), sendableJson(), (one, other) => {
        const isSame = canonicalJson(one) === canonicalJson(other);
        expect(fingerprintOf(one).equals(fingerprintOf(other))).toBe(isSame);
        const read: unknown = JSON.parse(canonicalJson(one));
        expect(read).toEqual(JSON.parse(JSON.stringify(one)));
      }),
    );
  });

  it.each([
    [{ a: 1 }, { a: '1' }],
    [{ a: 1 }, { a: 1, b: null }],
    [
      [1, 2],
      [2, 1],
    ],
    [[12], [1, 2]],
    [{ a: { b: 1 } }, { a: 1, b: 1 }],
    ['', null],
    [{}, []],
  ])('tells %j from %j', (one, other) => {
    expect(fingerprintOf(one)).not.toEqual(fingerprintOf(other));
  });

  it('takes a Date as JSON does, and a key without a value for none', () => {
    const at = new Date(0);
    expect(canonicalJson({ at, note: undefined })).toBe(JSON.stringify({ at }));
  });

  const cycle: unknown[] = [];
  cycle.push(cycle);
  it.each([
    ['a Map, of which JSON would show nothing', new Map([['a', 1]])],
    ['a number that is none', { n: [NaN] }],
    ['a function', { f: () => 1 }],
    ['a bigint', 1n],
    ['undefined in an array', [undefined]],
    ['what contains itself', cycle],
  ])('is refused for %s', (_, value) => {
    expect(() => fingerprintOf(value)).toThrow(TypeError);
  });
});
