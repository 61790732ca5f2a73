import { type Findings, check } from './checker/check.js';
import { type Attempt, type Histories } from './checker/histories.js';
import { judgeConducts, placeOf, placesOfDeaths } from './checker/judge-conducts.js';
import { judgeForgotten, judgedWrongly } from './checker/judge-forgotten.js';
import { type Judged, judgeOrder } from './checker/judge-order.js';
import { type Longest, judgeWaits } from './checker/judge-waits.js';
import type { Rows } from './checker/rows.js';
import { foldTellings } from './checker/tellings.js';
import { readTimes } from './checker/times.js';
import { readWaits } from './checker/waits.js';
import type { Pair } from './databases/pair.js';
import { conductsSeen } from './hostile.js';
import type { FaultCounts } from './kill.js';
import { LEASE_MS } from './processes/options.js';
import { ROUGH_EVENT } from './processes/rough-issuing.js';
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
  const excused = placesOfDeaths(tooOld);
  const mayMiss = (payment: string, group: string) => excused.has(placeOf(payment, group));
  const times = await readTimes(pair);
  const forgotten = judgeForgotten(rows, times, { retentionMs: retentionMs(pair.shape) });
  // What nobody can judge stays where it is.
  const judgeable = { ...forgotten.rows, deadLetters: rows.deadLetters - tooOld.length };
  const findings = check(histories, judgeable, { groups: GROUPS, isThrough, mayMiss });
  findings.landedTwice = findings.landedTwice.filter(
    (about) => !histories.releases.has(about.split(':')[0]!),
  );
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

function withMore(findings: Findings, more: Partial<Findings>): Findings {
  for (const [kind, ids] of Object.entries(more) as [keyof Findings, string[]][]) findings[kind].push(...ids);
  return findings;
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
  return new Map(told.map((name) => [name, events.get(name) ?? 0]));
}

/** What comes of a process that stands still, or whose clock is wrong, as the processes told it. */
function pausesOf({ events }: Histories): FaultCounts {
  return new Map(['clock ahead', 'clock behind'].map((what) => [what, events.get(what) ?? 0]));
}

/** The faults of campaign `order` that are its handlers' and its operator's. */
function troublesOf({ attempts, requeues }: Histories, { deaths }: Rows): FaultCounts {
  const ended = (how: Attempt['ended']) => attempts.filter((attempt) => attempt.ended === how).length;
  return new Map([
    ['handler failed', ended('failed')],
    ['handler rejected', ended('rejected')],
    ['dead letter, failed', deaths.filter(({ reason }) => reason === 'failed').length],
    ['dead letter, rejected', deaths.filter(({ reason }) => reason === 'rejected').length],
    ['requeued', requeues.filter(({ acknowledgedAt }) => acknowledgedAt < Infinity).length],
  ]);
}

/** What handlers, publishers, the operator and those who stood still did in campaign `all`. */
function allOf({ histories, rows }: Left): FaultCounts {
  const { publishes, requeues, events } = histories;
  return new Map([
    ['told of twice', [...publishes.values()].filter(({ copies }) => copies > 1).length],
    ['duplicate-absorbed', events.get('duplicate-absorbed') ?? 0],
    [ROUGH_EVENT, events.get(ROUGH_EVENT) ?? 0],
    ['dead letter', rows.deaths.length],
    ['requeued', requeues.length],
    ...pausesOf(histories),
  ]);
}

/** What there is of it in campaign `duplicates`, by what processes told, and by the wire where there is one. */
function repeatsOf({ histories: { events }, meetings }: Left): FaultCounts {
  const told = ['duplicate-absorbed', 'handler failed'].map((name) => [name, events.get(name) ?? 0] as const);
  return new Map([...told, ...(meetings?.counts ?? [])]);
}
