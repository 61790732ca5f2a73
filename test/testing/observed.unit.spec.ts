import { textOf } from '../../src/testing/matrix/observed.js';

/** Whatever differs in what a test observes makes another text, and nothing else does. */
describe('what was observed, as text,', () => {
  const bytes = (last: number) => Buffer.from([...Array<number>(200).fill(7), last]);
  let deep: (leaf: unknown) => unknown = (leaf) => leaf;
  for (let i = 0; i < 50; i++) {
    const outer = deep;
    deep = (leaf) => ({ inner: outer(leaf) });
  }

  it.each<[string, (of: number) => unknown]>([
    ['the last byte of a file', bytes],
    ['a file in a list in a map', (of) => new Map([['files', [bytes(of)]]])],
    ['the end of a long list', (of) => [...Array<number>(5_000).fill(7), of]],
    ['the end of a long text', (of) => `${'x'.repeat(50_000)}${of}`],
    ['what is deep inside', (of) => deep(of)],
    ['what is in a set', (of) => new Set([{ of }])],
    ['a time', (of) => new Date(of)],
    ['an address', (of) => new URL(`http://127.0.0.1/${of}`)],
  ])('differs where %s does', (_, make) => {
    expect(textOf(make(1), 'run-1')).not.toBe(textOf(make(2), 'run-1'));
    expect(textOf(make(1), 'run-1')).toBe(textOf(make(1), 'run-1'));
  });

  it('does not differ by the order of fields, nor by the id of the run', () => {
    const of = (id: string) => ({ id, card: `card of ${id}` });
    expect(textOf({ a: 1, b: of('run-1') }, 'run-1')).toBe(textOf({ b: of('run-2'), a: 1 }, 'run-2'));
  });

  it.each<[string, unknown]>([
    ['observe()', Promise.resolve(1)],
    ['observe().cards', { cards: Promise.resolve(1) }],
    ['observe().0', [Promise.resolve(1)]],
    ['observe().cards.one', { cards: new Map([['one', Promise.resolve(1)]]) }],
    ['observe().[object Promise]', new Set([Promise.resolve(1)])],
  ])('is refused with a promise in %s', (place, value) => {
    expect(() => textOf(value, 'run-1')).toThrow(`a promise in ${place}: await it`);
  });

  it('is made of what refers to itself', () => {
    const card: { own?: unknown } = {};
    card.own = card;
    expect(textOf(card, 'run-1')).toContain('[Circular');
  });
});
