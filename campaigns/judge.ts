import { check } from './checker/check.js';
import { checkDedups } from './checker/check-dedups.js';
import { checkLandings } from './checker/check-landings.js';
import { type Findings, withMore } from './checker/findings.js';
import { type Attempt, type Histories } from './checker/histories.js';
import { judgeConducts, placeOf, placesOfDeaths } from './checker/judge-conducts.js';
import { allTooOld, judgeForgotten, judgedWrongly } from './checker/judge-forgotten.js';
import { type Judged, judgeOrder } from './checker/judge-order.js';
import { type Longest, judgeWaits } from './checker/judge-waits.js';
import type { Rows } from './checker/rows.js';
import { foldTellings } from './checker/tellings.js';
import { readTimes } from './checker/times.js';
import { readWaits } from './checker/waits.js';
import type { Pair } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import { conductsSeen } from './hostile.js';
import { LEASE_MS } from './processes/options.js';
import { roughConductsOn } from './processes/rough-issuing.js';
import { SLACK_MS, retentionMs } from './processes/retention.js';
import { ATTEMPTS, GROUPS } from './processes/task.js';
import type { DedupMeetings } from './proxy/dedup-meetings.js';
import type { CampaignName } from './variants/variant.js';

const TOO_OLD = 'too-old-to-judge';

/** What a run has left behind. */
export interface Left {
  pair: Pair;
  histories: Histories;
  rows: Rows;
  meetings: DedupMeetings | undefined;
  isThrough: boolean;
  /** Its consumers are the library's, with a dedup row for each effect. */
  hasDedup: boolean;
}

export interface Judgement {
  findings: Findings;
  /** Faults that are known only by what processes told. */
  faults?: FaultCounts;
  judged?: Judged;
  longest?: Longest;
}

/** Looks at what all campaigns look at, and at what is this one's own. */
export async function judge(campaign: CampaignName, left: Left): Promise<Judgement> {
  const { findings, ...judgement } = await judgeEffects(campaign, left);
  withMore(findings, checkLandings(left.histories, left.rows, left));
  if (left.hasDedup) withMore(findings, checkDedups(left.rows));
  return { findings, ...judgement };
}

async function judgeEffects(campaign: CampaignName, left: Left): Promise<Judgement> {
  switch (campaign) {
    case 'order':
      return judgeOrdered(left);
    case 'instances':
      return judgeWaiting(left);
    case 'duplicates':
      return judgeRepeated(left);
    case 'pause':
      return { findings: checkAll(left), faults: pausesOf(left.histories) };
    case 'forgetting':
      return judgeForgetting(left);
    case 'hostile':
      return judgeHostile(left);
    case 'all':
      return { findings: checkAll(left), faults: allOf(left) };
    default:
      return { findings: checkAll(left) };
  }
}

function checkAll({ histories, rows, isThrough }: Left): Findings {
  return check(histories, rows, { groups: GROUPS, isThrough });
}

function judgeOrdered(left: Left): Judgement {
  const { histories, rows, pair } = left;
  const { found, judged } = judgeOrder(histories, rows, {
    groups: GROUPS,
    attempts: ATTEMPTS,
    overlap: pair.business.engine !== 'sqlite',
  });
  return { findings: withMore(checkAll(left), found), faults: troublesOf(histories, rows), judged };
}

async function judgeWaiting(left: Left): Promise<Judgement> {
  const { late, longest } = judgeWaits(await readWaits(left.pair), { leaseMs: LEASE_MS.instances });
  return { findings: withMore(checkAll(left), { late }), longest };
}

function judgeRepeated(left: Left): Judgement {
  const { histories, rows, found } = foldTellings(left.histories, left.rows);
  const findings = withMore(checkAll({ ...left, histories, rows }), found);
  return { findings, faults: repeatsOf(left) };
}

async function judgeForgetting(left: Left): Promise<Judgement> {
  const { pair, isThrough } = left;
  const { histories, rows, found } = foldTellings(left.histories, left.rows);
  const tooOld = rows.deaths.filter(({ reason }) => reason === TOO_OLD);
  const times = await readTimes(pair);
  const forgotten = judgeForgotten(rows, times, { retentionMs: retentionMs(pair.shape) });
  // What nobody can judge stays where it is.
  const judgeable = { ...forgotten.rows, deadLetters: rows.deadLetters - tooOld.length };
  const findings = check(histories, judgeable, {
    ...{ groups: GROUPS, isThrough },
    mayMiss: allTooOld(rows, tooOld),
  });
  const wrongly = pair.shape === 1 ? judgedWrongly(tooOld, left.histories, SLACK_MS) : [];
  return {
    findings: [found, forgotten.found, { unfounded: wrongly }].reduce(withMore, findings),
    faults: delaysOf(histories, pair),
    judged: new Map([...forgotten.judged, ...tooOldIn(pair, tooOld.length)]),
  };
}

function judgeHostile({ histories, rows, pair, isThrough }: Left): Judgement {
  const dead = placesOfDeaths(rows.deaths);
  const mayMiss = (payment: string, group: string) => dead.has(placeOf(payment, group));
  const { engine } = pair.business;
  const { found, judged } = judgeConducts(rows, { engine, groups: GROUPS });
  // Dead letters are what is to be left.
  const findings = check(histories, { ...rows, deadLetters: 0 }, { groups: GROUPS, isThrough, mayMiss });
  return { findings: withMore(findings, found), faults: conductsSeen(engine, histories.events), judged };
}

/** Only what was long on its way to all eyes can be too old, as in a transaction that stayed open. */
function tooOldIn({ shape, business }: Pair, count: number): [string, number][] {
  return shape === 1 && business.engine !== 'sqlite' ? [[TOO_OLD, count]] : [];
}

/** What makes forgetting dangerous, and that it happened. On SQLite no transaction stays open for long. */
function delaysOf({ events }: Histories, { business }: Pair): FaultCounts {
  const told = [
    'forgotten dedup-rows',
    'duplicate-absorbed',
    'handler rejected',
    'requeued late',
    'group paused',
  ];
  if (business.engine !== 'sqlite') told.push('long transaction');
  return toldOf(events, told);
}

/** What comes of a process that stands still, or whose clock is wrong, as the processes told it. */
function pausesOf({ events }: Histories): FaultCounts {
  return toldOf(events, ['clock ahead', 'clock behind']);
}

/** The faults of campaign `order` that are its handlers' and its operator's. */
function troublesOf({ attempts, requeues }: Histories, { deaths }: Rows): FaultCounts {
  const ended = (how: Attempt['ended']) => attempts.filter((attempt) => attempt.ended === how).length;
  return FaultCounts.told([
    ['handler failed', ended('failed')],
    ['handler rejected', ended('rejected')],
    ['dead letter, failed', deaths.filter(({ reason }) => reason === 'failed').length],
    ['dead letter, rejected', deaths.filter(({ reason }) => reason === 'rejected').length],
    ['requeued', requeues.filter(({ acknowledgedAt }) => acknowledgedAt < Infinity).length],
  ]);
}

/** What handlers, publishers, the operator and those who stood still did in campaign `all`. */
function allOf({ histories, rows, pair }: Left): FaultCounts {
  const { publishes, requeues, events } = histories;
  return FaultCounts.sum([
    FaultCounts.told([
      ['told of twice', [...publishes.values()].filter(({ copies }) => copies > 1).length],
      ['dead letter', rows.deaths.length],
      ['requeued', requeues.length],
    ]),
    toldOf(events, ['duplicate-absorbed', ...roughConductsOn(pair.business.engine)]),
    pausesOf(histories),
  ]);
}

/** What there is of it in campaign `duplicates`, by what processes told, and by the wire where there is one. */
function repeatsOf({ histories: { events }, meetings }: Left): FaultCounts {
  const told = toldOf(events, ['duplicate-absorbed', 'handler failed']);
  return FaultCounts.sum([told, FaultCounts.told(meetings?.counts ?? [])]);
}

function toldOf(events: Histories['events'], names: readonly string[]): FaultCounts {
  return FaultCounts.told(names.map((name) => [name, events.get(name) ?? 0] as const));
}
