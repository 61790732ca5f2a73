import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { type HeadersInput, InvalidPayloadError } from '../../src/index.js';
import {
  contextOf,
  decodeHeaders,
  encodeEntries,
  encodeHeaders,
  withContext,
} from '../../src/topic/index.js';

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
    ["a name of the library's own", { 'mq-traceparent': 'x' }, "Header mq-traceparent can't be given"],
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

describe('what travels beside the headers', () => {
  const CONTEXT = [
    ['traceparent', '00-1-2-01'],
    ['tracestate', 'a=1'],
  ] as const;

  it.each([
    ['headers', { traceparent: "the business's own" }],
    ['none', undefined],
  ])('comes back by itself, and the headers without it: %s', (_, headers) => {
    const bytes = withContext(encodeHeaders(headers), CONTEXT);
    expect([...contextOf(bytes)]).toEqual(CONTEXT);
    expect([...decodeHeaders(bytes)]).toEqual(Object.entries(headers ?? {}));
  });

  it('is nothing where nothing is to travel', () => {
    expect(withContext(null, [])).toBeNull();
    expect(contextOf(null).size).toBe(0);
  });

  it.each(['{"a":', '{}', '[1]', 'null'])('is nothing where the headers cannot be read: %s', (stored) => {
    expect(contextOf(Buffer.from(stored)).size).toBe(0);
  });

  it('is taken from another process as it comes', () => {
    const bytes = encodeEntries([
      ['a', '1'],
      ['mq-traceparent', '00-1-2-01'],
    ]);
    expect([...contextOf(bytes)]).toEqual([['traceparent', '00-1-2-01']]);
  });

  it('leaves out what there is no room for, and takes the rest', () => {
    const headers = { big: 'x'.repeat(16 * 1024 - 100) };
    const baggage = ['baggage', 'y'.repeat(100)] as const;
    const bytes = withContext(encodeHeaders(headers), [baggage, CONTEXT[0]]);
    expect([...contextOf(bytes)]).toEqual([CONTEXT[0]]);
    expect([...decodeHeaders(bytes)]).toEqual(Object.entries(headers));
    expect(bytes!.length).toBeLessThanOrEqual(16 * 1024);
  });

  it('leaves out what would be one header too many for a service', () => {
    const headers = Object.fromEntries(Array.from({ length: 999 }, (_, i) => [String(i), '']));
    const bytes = withContext(encodeHeaders(headers), CONTEXT);
    expect([...contextOf(bytes)]).toEqual([CONTEXT[0]]);
  });
});
