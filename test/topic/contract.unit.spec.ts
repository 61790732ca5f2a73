import { type AnyTopic } from '../../src/index.js';
import { contractOf } from '../../src/topic/index.js';

// Property: what formatters and compilers do to a bizId is no change of the contract, and another expression is one.

/** As it would be printed: this file's own compiler has no part in it. */
const topic = (source: string, name = 'payment.succeeded') =>
  ({ name, bizId: { toString: () => source } }) as unknown as AnyTopic;

let printed: jest.SpyInstance;

beforeEach(() => {
  printed = jest.spyOn(Function.prototype, 'toString').mockImplementation(function (this: unknown) {
    return String(this);
  });
});

afterEach(() => printed.mockRestore());

const same = (one: string, other: string) =>
  contractOf(topic(one)).hash.equals(contractOf(topic(other)).hash);

describe('the contract of a topic', () => {
  it.each([
    ['(p) => p.paymentId', 'p=>p.paymentId'],
    ['(p) =>\n    p.paymentId', '(p) => p.paymentId'],
    ['({ paymentId }) => paymentId', '({paymentId})=>paymentId'],
    ['(p) => { return p.id; }', '(p) => {\n  return p.id\n}'],
    ['(p) => `${p.a}:${p.b}`', 'p=>`${p.a}:${p.b}`'],
  ])('is the same for %j and %j', (one, other) => {
    expect(same(one, other)).toBe(true);
  });

  it.each([
    ['(p) => p.paymentId', '(p) => p.orderId'],
    ['(p) => `${p.a}:${p.b}`', '(p) => `${p.a}: ${p.b}`'],
    ["(p) => p.a + ' ' + p.b", "(p) => p.a + '  ' + p.b"],
    ['(p) => typeof p.id', '(p) => typeofp.id'],
    ['(p) => p.id', '(p) => p.id.trim()'],
  ])('is another one for %j and %j', (one, other) => {
    expect(same(one, other)).toBe(false);
  });

  it('is that of its topic alone', () => {
    expect(contractOf(topic('p=>p.id')).hash).not.toEqual(contractOf(topic('p=>p.id', 'other')).hash);
  });

  it('is shown cut short where it is long, and told apart all the same', () => {
    const long = (end: string) => `(p) => p.${'x'.repeat(2_000)}${end}`;
    const { selector } = contractOf(topic(long('a')));
    expect(selector.length).toBeLessThan(510);
    expect(same(long('a'), long('b'))).toBe(false);
  });
});
