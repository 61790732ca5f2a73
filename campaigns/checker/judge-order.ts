import type { Findings } from './findings.js';
import type { Attempt, Histories } from './histories.js';
import { type AccountLine, linesOf } from './lines.js';
import { promised } from './promises.js';
import type { Rows } from './rows.js';

/** What there was to judge, by kind. One at zero: nothing was shown of it. */
export type Judged = Map<string, number>;

const EITHER = 'in either order';

type FoundHere = Pick<Findings, 'disordered' | 'overlapped' | 'unfounded'>;

/**
 * The order of each account in each group.
 *
 * 1. Of two payments whose order is promised, the later one gets its card later, and no handler is called for it before
 *    the last call for the earlier one. Except: the earlier one has been a dead letter there; what has may be overtaken.
 * 2. A dead letter that an operator was told is back is the next of its account: until its handler is called, handlers of
 *    one other payment at most are, of that which was under way. (And those of others that came back as well.)
 * 3. Handlers of one account don't run side by side. Except: the earlier one has been told to stop.
 * 4. Nothing becomes a dead letter but what its handler rejected, or failed at so often.
 *
 * @param overlap whether transactions of one account could overlap, so that there must be payments in either order
 */
export function judgeOrder(
  histories: Histories,
  rows: Rows,
  { groups, attempts, overlap }: { groups: readonly string[]; attempts: number; overlap: boolean },
): { found: FoundHere; judged: Judged } {
  const found: FoundHere = { disordered: [], overlapped: [], unfounded: [] };
  const kinds = ['by lock', 'in one transaction', 'by time', 'overtaken dead letters', 'back in line'];
  const judged: Judged = new Map([...kinds, ...(overlap ? [EITHER] : [])].map((kind) => [kind, 0]));
  const count = (kind: string) => void judged.set(kind, (judged.get(kind) ?? 0) + 1);
  for (const line of linesOf(histories, rows, groups)) {
    found.disordered.push(...disorderedIn(line, count), ...passedOverIn(line, count));
    found.overlapped.push(...overlappedIn(line));
    found.unfounded.push(...unfoundedDeathsIn(line, attempts));
  }
  return { found, judged };
}

function disorderedIn(line: AccountLine, count: (kind: string) => void): string[] {
  const { group, entries, cards, deaths } = line;
  const [firstCall, lastCall] = [new Map<string, number>(), new Map<string, number>()];
  for (const { payment, from } of line.attempts) {
    if (!firstCall.has(payment)) firstCall.set(payment, from);
    lastCall.set(payment, from);
  }
  const found: string[] = [];
  for (const later of entries) {
    let wrong: string | undefined;
    for (const former of entries) {
      const why = promised(former, later);
      if (!why) {
        if (former.id < later.id && !promised(later, former)) count(EITHER);
        continue;
      }
      const isEarlyCard = cards.get(later.id)! < cards.get(former.id)!;
      const isEarlyCall = firstCall.get(later.id)! < lastCall.get(former.id)!;
      if (deaths.has(former.id)) {
        if (isEarlyCard) count('overtaken dead letters');
        continue;
      }
      count(why);
      if (isEarlyCard) wrong ??= `a card of ${group} before that of ${former.id}, ${why}`;
      if (isEarlyCall) wrong ??= `a call in ${group} before the last one for ${former.id}, ${why}`;
    }
    if (wrong) found.push(`${later.id}: ${wrong}`);
  }
  return found;
}

function passedOverIn({ group, attempts, requeues, deaths }: AccountLine, count: (kind: string) => void) {
  const found: string[] = [];
  for (const { payment, attemptedAt, acknowledgedAt } of requeues) {
    if (acknowledgedAt === Infinity) continue;
    const next = attempts.find((attempt) => attempt.payment === payment && attempt.from > attemptedAt);
    const until = next?.from ?? Infinity;
    const between = attempts.filter(({ from }) => from > acknowledgedAt && from < until);
    const others = new Set(between.map((attempt) => attempt.payment).filter((other) => !deaths.has(other)));
    count('back in line');
    if (others.size > 1)
      found.push(`${payment}: back in ${group}, and after ${[...others].join(', ')} all the same`);
  }
  return found;
}

function overlappedIn({ group, attempts }: AccountLine): string[] {
  const found: string[] = [];
  let longest: Attempt | undefined;
  for (const attempt of attempts) {
    if (longest && attempt.from < longest.to) {
      found.push(`${attempt.payment}: a call in ${group} during one for ${longest.payment}`);
    }
    if (!attempt.aborted && attempt.to > (longest?.to ?? -Infinity)) longest = attempt;
  }
  return found;
}

function unfoundedDeathsIn({ group, attempts, deaths }: AccountLine, most: number): string[] {
  const found: string[] = [];
  for (const [payment, reasons] of deaths) {
    const calls = attempts.filter((attempt) => attempt.payment === payment);
    const rejected = reasons.filter((reason) => reason === 'rejected').length;
    const failed = reasons.filter((reason) => reason === 'failed').length;
    const isFounded =
      rejected + failed === reasons.length &&
      rejected <= calls.filter(({ ended }) => ended === 'rejected').length &&
      failed * most + rejected <= calls.length;
    if (!isFounded)
      found.push(`${payment}: dead in ${group} as ${reasons.join(', ')} after ${calls.length} calls`);
  }
  return found;
}
