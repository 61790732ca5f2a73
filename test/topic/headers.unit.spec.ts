import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { type HeadersInput, InvalidPayloadError } from '../../src/index.js';
import { decodeHeaders, encodeHeaders } from '../../src/topic/index.js';

const roundTrip = (headers: HeadersInput | undefined) => decodeHeaders(encodeHeaders(headers));

describe('headers', () => {
  it('come back as a Map, whether they were one or an object', () => {
    expect([...roundTrip({ traceparent: '00-1-2-01', 'x-tenant': 'äö💳' })]).toEqual([
      ['traceparent', '00-1-2-01'],
      ['x-tenant', 'äö💳'],
    ]);
    expect([...roundTrip(new Map([['a', '1']]))]).toEqual([['a', '1']]);
  });

  it('come back as they were, whatever they hold', () => {
    const texts = fc.string({ unit: 'binary' });
    const names = texts.filter((name) => name !== '' && name !== '__proto__');
    fc.assert(
      fc.property(fc.array(fc.tuple(names, texts), { maxLength: 5 }), (entries) => {
        const headers = new Map(entries);
        expect([...roundTrip(headers)]).toEqual([...headers]);
      }),
    );
  });

  it('may be a Map of another realm', () => {
    const headers = runInNewContext("new Map([['a', '1']])") as Map<string, string>;
    expect([...roundTrip(headers)]).toEqual([['a', '1']]);
  });

  it('may be called as members of a prototype are, and reach none', () => {
    const headers = roundTrip({ constructor: 'a', toString: 'b' });
    expect(headers.get('constructor')).toBe('a');
    expect(headers.get('toString')).toBe('b');
    expect(headers.get('valueOf')).toBeUndefined();
  });

  it.each([
    ['none', undefined],
    ['an empty object', {}],
    ['an empty Map', new Map()],
  ])('take no room when there are none: %s', (_, none) => {
    expect(encodeHeaders(none)).toBeNull();
    expect(decodeHeaders(null).size).toBe(0);
  });

  it.each([
    ['a number', { retries: 3 }, 'Header retries must be a string (got the number 3)'],
    ['undefined', { tenant: undefined }, 'Header tenant must be a string (got undefined)'],
    ['a list', { tags: ['a'] }, 'Header tags must be a string (got an array ['],
    ['no name', { '': 'x' }, "A header's name must be a non-empty string"],
    ['a name __proto__', new Map([['__proto__', 'x']]), '__proto__'],
    ['a name that is no string', new Map([[1, 'x']]), 'got the number 1'],
    ['null', null, 'The headers must be a Map or an object'],
    ['a text', 'x-tenant: 1', 'The headers must be a Map or an object'],
    ['a list of pairs', [['a', '1']], 'The headers must be a Map or an object'],
    ["fetch's Headers", new Headers({ a: '1' }), 'The headers must be a Map or an object'],
    ['more than 16 KiB', { big: 'x'.repeat(16 * 1024) }, 'more than the limit of 16384'],
  ])('are refused, and the message says what came: %s', (_, headers, message) => {
    const attempt = () => encodeHeaders(headers as never);
    expect(attempt).toThrow(InvalidPayloadError);
    expect(attempt).toThrow(message);
  });
});
