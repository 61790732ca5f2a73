import { type Findings, noFindings } from '../../campaigns/checker/findings.js';
import type { ChunkOutcome } from '../../campaigns/chunk.js';
import { FaultCounts } from '../../campaigns/fault-counts.js';
import type { Variant } from '../../campaigns/variants/variant.js';
import { STATUS, describe as listOf, missingIn, verdictOf } from '../../campaigns/verdict.js';

// Property: nothing but a run that had all its faults, something to judge and no finding is ok; and a variant is caught by
// its own damage alone.

function faults(wanted: number, happened: number): FaultCounts {
  const counts = new FaultCounts();
  counts.want('kill relay', wanted);
  counts.count('kill relay', happened);
  return counts;
}

function outcome({
  found = {},
  ...given
}: Partial<ChunkOutcome> & { found?: Partial<Findings> } = {}): ChunkOutcome {
  return {
    faults: faults(2, 2),
    publishes: { attempted: 1, acknowledged: 1, unknown: 0, failed: 0 },
    effects: 2,
    judged: new Map([['by lock', 1]]),
    longest: new Map(),
    events: new Map(),
    drainMs: 0,
    findings: { ...noFindings(), ...found },
    kept: undefined,
    ...given,
  };
}

const variant = { name: 'broken', damage: 'doubled' } as Variant;
const control = { ...variant, control: true } as Variant;
const nothingAcknowledged = { attempted: 1, acknowledged: 0, unknown: 1, failed: 0 };

describe('the verdict of a run of the library', () => {
  it.each<[string, ReturnType<typeof outcome>, string]>([
    ['ok where all happened and nothing was found', outcome(), 'ok'],
    ...(Object.keys(noFindings()) as (keyof Findings)[]).map(
      (kind) => [`damaged by what is ${kind}`, outcome({ found: { [kind]: ['P-1'] } }), 'damaged'] as never,
    ),
    ['void where a fault happened less often than it was to', outcome({ faults: faults(2, 1) }), 'void'],
    ['void where one never happened', outcome({ faults: faults(0, 0) }), 'void'],
    ['void where nothing was acknowledged', outcome({ publishes: nothingAcknowledged }), 'void'],
    ['void where there was nothing to judge', outcome({ judged: new Map([['by lock', 0]]) }), 'void'],
    [
      'damaged also where a fault is missing',
      outcome({ faults: faults(1, 0), found: { lost: ['P-1'] } }),
      'damaged',
    ],
  ])('is %s', (_, run, verdict) => {
    expect(verdictOf(run)).toBe(verdict);
  });

  it('says what was missing', () => {
    const run = outcome({
      faults: faults(3, 1),
      judged: new Map([['by time', 0]]),
      publishes: nothingAcknowledged,
    });
    expect(missingIn(run)).toEqual(['kill relay (1 of 3)', 'acknowledged payments', 'by time']);
  });
});

describe('the verdict of a variant', () => {
  it.each<[string, ReturnType<typeof outcome>, Variant, string]>([
    ['caught by its damage', outcome({ found: { doubled: ['P-1'] } }), variant, 'caught'],
    [
      'caught also where a fault is missing',
      outcome({ found: { doubled: ['P-1'] }, faults: faults(2, 1) }),
      variant,
      'caught',
    ],
    ['not caught by any other damage', outcome({ found: { lost: ['P-1'] } }), variant, 'not-caught'],
    ['not caught where nothing was found', outcome(), variant, 'not-caught'],
    [
      'void where nothing was found and a fault is missing',
      outcome({ faults: faults(2, 1) }),
      variant,
      'void',
    ],
    ['void where a control does no damage', outcome(), control, 'void'],
  ])('is %s', (_, run, of, verdict) => {
    expect(verdictOf(run, of)).toBe(verdict);
  });
});

it('has an exit status that tells a failure from a run that showed nothing', () => {
  expect(STATUS).toEqual({ ok: 0, caught: 0, damaged: 1, 'not-caught': 1, void: 2 });
});

it('names the first few of each finding, and how many more there are', () => {
  const lost = ['P-1', 'P-2', 'P-3'];
  expect(listOf({ ...noFindings(), lost, left: ['P-4'] }, 2)).toEqual([
    '  lost: P-1',
    '  lost: P-2',
    '  lost: … and 1 more',
    '  left: P-4',
  ]);
});
