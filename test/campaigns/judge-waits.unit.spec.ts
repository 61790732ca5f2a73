import { ALLOWANCE_MS, judgeWaits } from '../../campaigns/checker/judge-waits.js';

// Property: what judges how long messages wait excuses a lease for each kill, and what was before under the same key.

const LEASE_MS = 3_000;
const US = 1_000;

interface Story {
  /** By payment, in milliseconds: when it landed, and when it had its card. */
  payments: Record<string, [landedAt: number, issuedAt: number]>;
  kills?: number[];
}

function judge({ payments, kills = [] }: Story) {
  const waits = Object.entries(payments).map(([payment, [landedAt, issuedAt]]) => ({
    payment,
    paidAt: landedAt * US,
    landedAt: landedAt * US,
    issued: [{ group: 'cards', at: issuedAt * US }],
  }));
  return judgeWaits({ waits, kills: kills.map((ms) => ms * US) }, { leaseMs: LEASE_MS });
}

describe('a wait is judged:', () => {
  it.each([
    ['nothing was killed', ALLOWANCE_MS, []],
    ['one was killed meanwhile', ALLOWANCE_MS + LEASE_MS, [100]],
    ['two were', ALLOWANCE_MS + 2 * LEASE_MS, [100, 200]],
    ['one was killed before it landed', ALLOWANCE_MS, [-1]],
    ['one was killed after its effect', ALLOWANCE_MS, [100_000]],
  ])('%s, and it is late after that', (_, limit, kills) => {
    expect(judge({ payments: { P: [0, limit] }, kills }).late).toEqual([]);
    expect(judge({ payments: { P: [0, limit + 1] }, kills }).late).toHaveLength(1);
  });

  it('behind another one of its key, from the effect of that on', () => {
    const late = 2 * ALLOWANCE_MS;
    const [former, unknown] = ['publisher-1.1/0-1', 'publisher-1.1/0-2'];
    const [next, other] = ['publisher-1.1/0-3', 'publisher-1.1/1-1'];
    const line: Story['payments'] = { [former]: [0, 4_900], [unknown]: [0, 4_000], [next]: [0, 9_900] };
    expect(judge({ payments: line }).late).toEqual([]);
    expect(judge({ payments: { ...line, [other]: [0, late] } }).late).toEqual([
      expect.stringContaining(other),
    ]);
    expect(judge({ payments: { ...line, [next]: [0, late + 1] } }).late).toEqual([
      expect.stringContaining(next),
    ]);
  });

  it('and the longest are told', () => {
    const payments: Story['payments'] = {
      'a/0-1': [0, 1_000],
      'a/0-2': [0, 1_500],
      'b/0-1': [10_000, 14_000],
    };
    expect(Object.fromEntries(judge({ payments, kills: [11_000] }).longest)).toEqual({
      'payment to landing': 0,
      'landing to effect': 4_000,
      'behind its key': 1_000,
      'with a kill meanwhile': 4_000,
      without: 1_000,
      'a lease': LEASE_MS,
    });
  });
});
