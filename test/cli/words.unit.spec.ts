import { duration, indented, numberOf, oneLine } from '../../src/cli/print/words.js';

// Property: what others wrote fills no screen, and a number says how sure it is.

describe('for people,', () => {
  it('an error is cut to a line of 300 characters, and no character in two', () => {
    expect(oneLine('x'.repeat(300))).toBe('x'.repeat(300));
    expect(oneLine('x'.repeat(301))).toBe(`${'x'.repeat(300)}…`);
    expect(oneLine('🙂'.repeat(301))).toBe(`${'🙂'.repeat(300)}…`);
    expect(oneLine('no paper\nat Printer.print')).toBe('no paper …');
  });

  it('an error that is shown whole keeps its lines, under the first', () => {
    expect(indented('no paper\r\nat Printer.print\u001b[2J\n')).toBe(
      'no paper\n      at Printer.print\\u001b[2J',
    );
  });

  it.each([
    ['exact', '1,234'],
    ['at-least', '1,234+'],
    ['estimated', 'about 1,234'],
  ] as const)('a count that is %s is %s', (precision, shown) => {
    expect(numberOf({ value: 1_234, precision })).toBe(shown);
  });

  it.each([
    [0, '0s'],
    [59_999, '59s'],
    [302_000, '5m 2s'],
    [7_200_000, '2h'],
    [273_600_000, '3d 4h'],
  ])('%d ms are %s', (ms, shown) => {
    expect(duration(ms)).toBe(shown);
  });
});
