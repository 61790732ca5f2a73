import type { Findings } from './check.js';
import type { Histories, Publish } from './histories.js';
import type { Judged } from './judge-order.js';
import type { Rows } from './rows.js';
import { paymentOf } from './tellings.js';
import type { Times } from './times.js';

/** A row in the dedup log is older than its card by as much as a handler takes; milliseconds. */
const TOLERANCE_MS = 1_000;

/**
 * Of the cards of a payment in a group each further one must be that of a message which landed when the retention was over.
 * What is too old to judge has no card and is no loss; but not where its message was published in time for all to see.
 *
 * @returns also the rows without those cards that may be there
 */
export function judgeForgotten(
  rows: Rows,
  { landings, cards }: Times,
  { retentionMs }: { retentionMs: number },
): { rows: Rows; found: Pick<Findings, 'doubled'>; judged: Judged } {
  const found: Pick<Findings, 'doubled'> = { doubled: [] };
  const judged: Judged = new Map(['repeats in time', 'repeats that were too late'].map((kind) => [kind, 0]));
  const single: Rows['cards'] = new Map();
  const earliest = 1_000 * (retentionMs - TOLERANCE_MS);
  for (const [payment, ofGroups] of cards) {
    for (const [group, at] of ofGroups) {
      const landed = landings.get(payment) ?? [];
      for (const [i, second] of at.entries()) {
        if (i === 0) continue;
        const first = at[i - 1]!;
        if (landed.some((moment) => moment >= first + earliest && moment <= second)) continue;
        const afterMs = Math.round((second - first) / 1_000);
        found.doubled.push(
          `${payment}: a card of ${group} ${afterMs} ms after another, and no message was that late`,
        );
      }
      single.set(
        payment,
        (single.get(payment) ?? new Map<string, number>()).set(group, Math.min(1, at.length)),
      );
      const [first = Infinity] = at;
      const isLate = (moment: number) => moment >= first + 1_000 * retentionMs;
      count(judged, 'repeats in time', landed.filter((moment) => moment > first && !isLate(moment)).length);
      count(judged, 'repeats that were too late', landed.filter(isLate).length);
    }
  }
  return { rows: { ...rows, cards: single }, found, judged };
}

function count(judged: Judged, kind: string, times: number): void {
  judged.set(kind, judged.get(kind)! + times);
}

/**
 * Payments that were called too old to judge in one database, although each transaction that published them was over, and
 * known to be, within the slack.
 */
export function judgedWrongly(
  tooOld: Rows['deaths'],
  { publishes }: Pick<Histories, 'publishes'>,
  slackMs: number,
): string[] {
  return tooOld.flatMap(({ payment, group }) => {
    const tellings = [...publishes].filter(([id]) => paymentOf(id) === payment).map(([, telling]) => telling);
    const isInTime = ({ beganAt, acknowledgedAt }: Publish) => acknowledgedAt - beganAt < 1_000 * slackMs;
    return tellings.every(isInTime)
      ? [`${payment}: too old to judge for ${group}, and published in time`]
      : [];
  });
}
