import type { Findings } from './findings.js';
import type { Histories, Publish } from './histories.js';
import type { Judged } from './judge-order.js';
import type { Rows } from './rows.js';
import { paymentOf } from './tellings.js';
import type { Times } from './times.js';

/**
 * A dedup row says when its INSERT began, which may wait for the one of a dead process, for a statement's time at most (2 s);
 * and after it the handler takes its time on a busy machine. Milliseconds.
 */
const TOLERANCE_MS = 2_500;

/**
 * Of the cards of a payment in a group each further one must be that of a message which landed when the retention was over,
 * counted from the one before.
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
  const count = (kind: string, times: number) => void judged.set(kind, judged.get(kind)! + times);
  const single: Rows['cards'] = new Map();
  for (const [payment, ofGroups] of cards) {
    single.set(payment, new Map([...ofGroups.keys()].map((group) => [group, 1])));
    for (const [group, issued] of ofGroups) {
      for (const [i, { at, landedAt }] of issued.entries()) {
        const former = issued[i - 1];
        if (!former) continue;
        const afterMs = (landedAt - former.at) / 1_000;
        if (afterMs >= retentionMs - TOLERANCE_MS) continue;
        const when = `${Math.round((at - former.at) / 1_000)} ms after another`;
        found.doubled.push(
          `${payment}: a card of ${group} ${when}, for what landed after ${Math.round(afterMs)} ms`,
        );
      }
      const [first] = issued;
      const repeats = (landings.get(payment) ?? []).filter((moment) => moment > first!.at);
      const late = repeats.filter((moment) => moment >= first!.at + 1_000 * retentionMs);
      count('repeats in time', repeats.length - late.length);
      count('repeats that were too late', late.length);
    }
  }
  return { rows: { ...rows, cards: single }, found, judged };
}

/**
 * Where a payment need not have a card: each of its messages was too old to judge there. One that was not has had its
 * effect, or was absorbed by one.
 */
export function allTooOld(
  { landings }: Pick<Rows, 'landings'>,
  tooOld: Rows['deaths'],
): (payment: string, group: string) => boolean {
  const dead = new Set(tooOld.map(({ group, seq }) => `${group} ${seq}`));
  const landed = new Map<string, number[]>();
  for (const { payment, seq } of landings) landed.set(payment, [...(landed.get(payment) ?? []), seq]);
  return (payment, group) => {
    const own = landed.get(payment) ?? [];
    return own.length > 0 && own.every((seq) => dead.has(`${group} ${seq}`));
  };
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
