import type { Publish } from '../../campaigns/checker/histories.js';
import { foldTellings } from '../../campaigns/checker/tellings.js';
import { historiesWith, payments, rowsWith } from './left-behind.js';

// Property: of a payment that many transactions told of, it is known what each of them said, and how many messages there are.

const NOTHING = { lost: [], unfounded: [] };

function fold(tellings: Record<string, [Publish['outcome'], copies: number]>, there: string[]) {
  const moments = { beganAt: 0, acknowledgedAt: 0 };
  const histories = historiesWith({
    publishes: new Map(
      Object.entries(tellings).map(([id, [outcome, copies]]) => [id, { outcome, copies, ...moments }]),
    ),
  });
  const rows = rowsWith({ payments: payments(...there) });
  const folded = foldTellings(histories, rows);
  return { ...folded, payments: [...folded.rows.payments.keys()] };
}

describe('a payment that several transactions told of', () => {
  it('is acknowledged if one of them is, with the messages of those that committed', () => {
    const { histories, payments, found } = fold(
      { 'P-1@a-1': ['acknowledged', 3], 'P-1@b-1': ['unknown', 2], 'P-1@b-2': ['unknown', 5] },
      ['P-1@a-1', 'P-1@b-1'],
    );
    expect(found).toEqual(NOTHING);
    expect(payments).toEqual(['P-1']);
    expect(histories.publishes.get('P-1')).toMatchObject({ outcome: 'acknowledged', copies: 5 });
  });

  it('is unknown, or failed, as the best of them', () => {
    const of = (outcome: Publish['outcome']) =>
      fold({ 'P-1@a-1': ['failed', 1], 'P-1@b-1': [outcome, 1] }, []);
    expect(of('unknown').histories.publishes.get('P-1')).toMatchObject({ outcome: 'unknown', copies: 0 });
    expect(of('failed').histories.publishes.get('P-1')).toMatchObject({ outcome: 'failed', copies: 0 });
  });

  it('has lost one that was acknowledged and is gone', () => {
    const { found } = fold({ 'P-1@a-1': ['acknowledged', 1], 'P-1@b-1': ['acknowledged', 1] }, ['P-1@b-1']);
    expect(found).toEqual({ ...NOTHING, lost: [expect.stringContaining('P-1@a-1')] });
  });

  it('has one too many that had failed, or that nobody knows of', () => {
    const { found } = fold({ 'P-1@a-1': ['failed', 1] }, ['P-1@a-1', 'P-1@c-1']);
    expect(found.unfounded).toEqual([
      expect.stringContaining('P-1@a-1: failed'),
      expect.stringContaining('P-1@c-1: nobody'),
    ]);
  });
});
