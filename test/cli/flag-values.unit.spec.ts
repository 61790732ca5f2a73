import { date } from '../../src/cli/flag-values.js';

// Property: a time that an operator names is the one that is meant, or is refused.

describe('a time on the command line', () => {
  it.each([
    ['2026-03-29', '2026-03-29T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-03-29T01:30:00Z', '2026-03-29T01:30:00.000Z'],
    ['2026-12-31T23:30+02:00', '2026-12-31T21:30:00.000Z'],
    ['2026-12-31T23:30-02:00', '2027-01-01T01:30:00.000Z'],
  ])('%s is taken', (given, at) => {
    expect(date('--dead-until', given)?.toISOString()).toBe(at);
  });

  it.each([
    'yesterday',
    '2026-02-29',
    '2026-11-31',
    '2026-02-30T00:00:00Z',
    '2026-13-01',
    '0000-00-00',
    '2026-03-29T25:00Z',
    '2026-03-29T01:30',
  ])('%s is refused', (given) => {
    expect(() => date('--dead-until', given)).toThrow(/--dead-until must be a time such as/);
  });
});
