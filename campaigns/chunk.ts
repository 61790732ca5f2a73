import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Findings, check } from './checker/check.js';
import { type Attempt, type Histories, readHistories } from './checker/histories.js';
import { type Judged, judgeOrder } from './checker/judge-order.js';
import { type Longest, judgeWaits } from './checker/judge-waits.js';
import { type Rows, readRows } from './checker/rows.js';
import { foldTellings } from './checker/tellings.js';
import { readWaits } from './checker/waits.js';
import { breakCommits, dieAtCommits } from './commit.js';
import { type Pair, type Shape, createPair } from './databases/pair.js';
import { DRAIN_MS, drain } from './drain.js';
import { crewOf } from './fleet/crew.js';
import { duplicates, repeatPayments } from './duplicates.js';
import { Fleet } from './fleet/fleet.js';
import { keepPace } from './fleet/pacing.js';
import { killInstances } from './instances.js';
import { type FaultCounts, killSome } from './kill.js';
import { LINES, disturbOrder, lossesFor, published } from './order.js';
import { historyIn } from './processes/history.js';
import { LEASE_MS } from './processes/options.js';
import { ATTEMPTS, GROUPS } from './processes/task.js';
import { CommitFaults } from './proxy/commit-faults.js';
import { DedupMeetings } from './proxy/dedup-meetings.js';
import { WireFaults } from './proxy/wire-faults.js';
import { Seeded } from './seeded.js';
import { variantNamed } from './variants/index.js';
import type { CampaignName } from './variants/variant.js';
import { breakWire } from './wire.js';

export interface ChunkPlan {
  campaign: CampaignName;
  /** Undefined: SQLite. */
  url: string | undefined;
  shape: Shape;
  seed: string;
  /** Kills; or faults of each kind at each place; or messages; or duplicates. */
  size: number;
  variant: string | undefined;
  program: string;
}

export interface ChunkOutcome {
  faults: FaultCounts;
  publishes: Record<'attempted' | 'acknowledged' | 'unknown' | 'failed', number>;
  effects: number;
  /** What there was to judge of the order of keys. */
  judged: Judged;
  /** In campaign `instances`: what took longest, in milliseconds. */
  longest: Longest;
  /** What the faults led to, by the library's own account. */
  events: Map<string, number>;
  drainMs: number | undefined;
  findings: Findings;
  /** Where the histories are that tell how it came to them. */
  kept: string | undefined;
}

/** Deliveries and outbox rows that may wait: a backlog only makes the end longer. */
const MOST_WAITING = 100;

const TELLING_FINDINGS = ['lost', 'unfounded'] as const;
const ORDER_FINDINGS = ['disordered', 'overlapped', 'unfounded'] as const;

/** One run on fresh databases: faults, then none, then a look at what is there. */
export async function runChunk(plan: ChunkPlan): Promise<ChunkOutcome> {
  const pair = await createPair(plan.url, plan.shape);
  const folder = mkdtempSync(join(tmpdir(), 'mq-histories-'));
  let kept: string | undefined;
  try {
    await variantNamed(plan.variant)?.spoil?.(pair);
    const { faults, drainMs, accidents, meetings } = await play(plan, pair, folder);
    const read = { histories: readHistories(folder), rows: await readRows(pair) };
    const folded = plan.campaign === 'duplicates' ? foldTellings(read.histories, read.rows) : undefined;
    const { histories, rows } = folded ?? read;
    const findings = check(histories, rows, { groups: GROUPS, isThrough: drainMs !== undefined });
    if (drainMs === undefined) findings.left.push(`not through after ${DRAIN_MS / 1000} s`);
    findings.left.push(...accidents);
    if (folded) for (const kind of TELLING_FINDINGS) findings[kind].push(...folded.found[kind]);
    const order =
      plan.campaign === 'order' &&
      judgeOrder(histories, rows, {
        groups: GROUPS,
        attempts: ATTEMPTS,
        overlap: pair.business.engine !== 'sqlite',
      });
    const waits =
      plan.campaign === 'instances' && judgeWaits(await readWaits(pair), { leaseMs: LEASE_MS.instances });
    if (waits) findings.late.push(...waits.late);
    if (order) for (const kind of ORDER_FINDINGS) findings[kind].push(...order.found[kind]);
    if (!plan.variant && Object.values(findings).some((found: string[]) => found.length > 0)) kept = folder;
    const cards = [...rows.cards.values()].flatMap((ofGroups) => [...ofGroups.values()]);
    return {
      faults: new Map([
        ...faults,
        ...(order ? troublesOf(histories, rows) : []),
        ...(folded ? repeatsOf(histories, meetings) : []),
      ]),
      publishes: countOutcomes(read.histories),
      effects: cards.reduce((sum, n) => sum + n, 0),
      judged: order ? order.judged : new Map(),
      longest: waits ? waits.longest : new Map(),
      events: histories.events,
      drainMs,
      findings,
      kept,
    };
  } finally {
    await pair.drop();
    if (!kept) rmSync(folder, { recursive: true, force: true });
  }
}

async function play(plan: ChunkPlan, pair: Pair, folder: string) {
  const { campaign, shape, size } = plan;
  const chance = new Seeded(plan.seed);
  const losses = lossesOf(plan, pair);
  const accidents: string[] = [];
  const onAccident = (what: string) => void accidents.push(what);
  const write = historyIn(join(folder, 'fleet.jsonl'));
  const meetings = meetingsOf(plan, pair);
  const wire = campaign === 'wire' ? new WireFaults(size, chance.child('wire')) : undefined;
  const around = { ...plan, pair, folder, faults: losses, meetings, wire, write, onAccident };
  const fleet = await Fleet.start(around, crewOf(campaign, shape, size));
  const stopPacing = keepPace(fleet, pair, campaign === 'order' ? LINES : MOST_WAITING);
  try {
    const faults = await meetFaults(plan, { fleet, pair, losses, wire, chance });
    await stopPacing();
    await fleet.stopPublishing();
    const messages = (await COUNTED[campaign]?.(pair)) ?? size;
    if (messages < size) accidents.push(`only ${messages} of ${size} messages were published`);
    return { faults, drainMs: await drain(fleet, pair), accidents, meetings };
  } finally {
    await stopPacing();
    await fleet.close();
  }
}

/** What `size` counts, where it is counted by what is published. */
const COUNTED: Partial<Record<CampaignName, (pair: Pair) => Promise<number>>> = {
  order: published,
  duplicates,
};

/** What a proxy does to COMMITs: nothing on SQLite, where it stands in nobody's way. */
function lossesOf({ campaign, shape, seed, size }: ChunkPlan, pair: Pair): CommitFaults | undefined {
  if (pair.business.engine === 'sqlite' || (campaign !== 'commit' && campaign !== 'order')) return undefined;
  const ofEach = campaign === 'order' ? lossesFor(size) : size;
  return new CommitFaults(shape, ofEach, new Seeded(seed).child('commits'));
}

/** SQLite has one transaction at a time that writes: no copy can meet a row of one that is under way. */
function meetingsOf({ campaign }: ChunkPlan, pair: Pair): DedupMeetings | undefined {
  return campaign === 'duplicates' && pair.business.engine !== 'sqlite' ? new DedupMeetings() : undefined;
}

function meetFaults(
  { campaign, shape, size }: ChunkPlan,
  {
    fleet,
    pair,
    losses,
    wire,
    chance,
  }: { fleet: Fleet; pair: Pair; losses?: CommitFaults; wire?: WireFaults; chance: Seeded },
): Promise<FaultCounts> {
  if (wire) return breakWire(fleet, wire, size, chance);
  if (campaign === 'duplicates') return repeatPayments(fleet, pair, size, chance);
  if (campaign === 'order') return disturbOrder(fleet, pair, size, chance, losses);
  if (campaign === 'instances') return killInstances(fleet, pair, size, chance);
  if (campaign === 'kill') return killSome(fleet, size, chance);
  return losses ? breakCommits(losses) : dieAtCommits(fleet, shape, size, chance);
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

/** What there is of it in campaign `duplicates`, by the wire where there is one, and by what processes told. */
function repeatsOf({ events }: Histories, meetings: DedupMeetings | undefined): FaultCounts {
  const told = ['duplicate-absorbed', 'handler failed'].map((name) => [name, events.get(name) ?? 0] as const);
  return new Map([...told, ...(meetings?.counts ?? [])]);
}

function countOutcomes({ publishes }: Histories): ChunkOutcome['publishes'] {
  const counts = { attempted: publishes.size, acknowledged: 0, unknown: 0, failed: 0 };
  for (const { outcome } of publishes.values()) counts[outcome]++;
  return counts;
}
