import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Findings, check } from './checker/check.js';
import { type Attempt, type Histories, readHistories } from './checker/histories.js';
import { type Judged, judgeOrder } from './checker/judge-order.js';
import { type Longest, judgeWaits } from './checker/judge-waits.js';
import { type Rows, readRows } from './checker/rows.js';
import { readWaits } from './checker/waits.js';
import { breakCommits, dieAtCommits } from './commit.js';
import { type Pair, type Shape, createPair } from './databases/pair.js';
import { DRAIN_MS, drain } from './drain.js';
import { failoverStage } from './failover.js';
import { crewOf } from './fleet/crew.js';
import { Fleet } from './fleet/fleet.js';
import { keepPace } from './fleet/pacing.js';
import { killInstances } from './instances.js';
import { type FaultCounts, killSome } from './kill.js';
import { LINES, disturbOrder, lossesFor, published } from './order.js';
import { pauseSome } from './pause.js';
import { historyIn } from './processes/history.js';
import { LEASE_MS } from './processes/options.js';
import { ATTEMPTS, GROUPS } from './processes/task.js';
import { CommitFaults } from './proxy/commit-faults.js';
import { Seeded } from './seeded.js';
import { serverStage } from './server.js';
import type { Scene, Stage } from './stage.js';
import { variantNamed } from './variants/index.js';
import type { CampaignName } from './variants/variant.js';

export interface ChunkPlan {
  campaign: CampaignName;
  /** Undefined: SQLite. */
  url: string | undefined;
  shape: Shape;
  seed: string;
  /** Kills; or faults of each kind at each place; or messages. */
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

const ORDER_FINDINGS = ['disordered', 'overlapped', 'unfounded'] as const;

/** One run on fresh databases: faults, then none, then a look at what is there. */
export async function runChunk(plan: ChunkPlan): Promise<ChunkOutcome> {
  const stage = await stageFor(plan);
  const pair = await createPair(stage?.urls ?? { business: plan.url, broker: plan.url }, plan.shape);
  const folder = mkdtempSync(join(tmpdir(), 'mq-histories-'));
  let kept: string | undefined;
  try {
    await variantNamed(plan.variant)?.spoil?.(pair);
    const { faults, drainMs, accidents } = await play(plan, { pair, stage, folder });
    const histories = readHistories(folder);
    const rows = await readRows(pair);
    const findings = check(histories, rows, { groups: GROUPS, isThrough: drainMs !== undefined });
    if (drainMs === undefined) findings.left.push(`not through after ${DRAIN_MS / 1000} s`);
    findings.left.push(...accidents);
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
      faults: new Map([...faults, ...(FAULTS_TOLD[plan.campaign]?.(histories, rows) ?? [])]),
      publishes: countOutcomes(histories),
      effects: cards.reduce((sum, n) => sum + n, 0),
      judged: order ? order.judged : new Map(),
      longest: waits ? waits.longest : new Map(),
      events: histories.events,
      drainMs,
      findings,
      kept,
    };
  } finally {
    await pair.drop().finally(() => stage?.close());
    if (!kept) rmSync(folder, { recursive: true, force: true });
  }
}

/** For campaigns that have servers of their own. */
async function stageFor({ campaign, url, shape, variant }: ChunkPlan): Promise<Stage | undefined> {
  const { serverOptions = [], withoutSemiSync = false } = variantNamed(variant) ?? {};
  if (campaign === 'server') return serverStage(url, shape, serverOptions);
  return campaign === 'failover' ? failoverStage(shape, !withoutSemiSync) : undefined;
}

async function play(plan: ChunkPlan, { pair, stage, folder }: { pair: Pair; stage?: Stage; folder: string }) {
  const { campaign, shape, size } = plan;
  const chance = new Seeded(plan.seed);
  const losses = lossesOf(plan, pair);
  const accidents: string[] = [];
  const onAccident = (what: string) => void accidents.push(what);
  const write = historyIn(join(folder, 'fleet.jsonl'));
  const around = { ...plan, pair, folder, faults: losses, write, onAccident };
  const fleet = await Fleet.start(around, crewOf(campaign, shape, size));
  const stopPacing = keepPace(fleet, pair, campaign === 'order' ? LINES : MOST_WAITING);
  try {
    const faults = await meetFaults(plan, { fleet, size, chance, onAccident, pair, stage, losses });
    await stopPacing();
    await fleet.stopPublishing();
    const messages = campaign === 'order' ? await published(pair) : size;
    if (messages < size) accidents.push(`only ${messages} of ${size} messages were published`);
    return { faults, drainMs: await drain(fleet, pair), accidents };
  } finally {
    await stopPacing();
    await fleet.close();
  }
}

/** What a proxy does to COMMITs: nothing on SQLite, where it stands in nobody's way. */
function lossesOf({ campaign, shape, seed, size }: ChunkPlan, pair: Pair): CommitFaults | undefined {
  if (pair.business.engine === 'sqlite' || (campaign !== 'commit' && campaign !== 'order')) return undefined;
  const ofEach = campaign === 'order' ? lossesFor(size) : size;
  return new CommitFaults(shape, ofEach, new Seeded(seed).child('commits'));
}

function meetFaults(
  { campaign, shape }: ChunkPlan,
  { pair, stage, losses, ...scene }: Scene & { pair: Pair; stage?: Stage; losses?: CommitFaults },
): Promise<FaultCounts> {
  const { fleet, size, chance } = scene;
  if (stage) return stage.disturb(scene);
  if (campaign === 'order') return disturbOrder(fleet, pair, size, chance, losses);
  if (campaign === 'instances') return killInstances(fleet, pair, size, chance);
  if (campaign === 'pause') return pauseSome(fleet, pair, size, chance);
  if (campaign === 'kill') return killSome(fleet, size, chance);
  return losses ? breakCommits(losses) : dieAtCommits(fleet, shape, size, chance);
}

/** The faults that only the processes and the tables can tell of. */
const FAULTS_TOLD: Partial<Record<CampaignName, (histories: Histories, rows: Rows) => FaultCounts>> = {
  order: troublesOf,
  pause: ({ events }) =>
    new Map(['clock ahead', 'clock behind'].map((what) => [what, events.get(what) ?? 0])),
};

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

function countOutcomes({ publishes }: Histories): ChunkOutcome['publishes'] {
  const counts = { attempted: publishes.size, acknowledged: 0, unknown: 0, failed: 0 };
  for (const { outcome } of publishes.values()) counts[outcome]++;
  return counts;
}
