import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doEverything, lossesOfAll, messages as messagesOfAll } from './all.js';
import type { Findings } from './checker/findings.js';
import { type Histories, readHistories } from './checker/histories.js';
import type { Judged } from './checker/judge-order.js';
import type { Longest } from './checker/judge-waits.js';
import { readRows } from './checker/rows.js';
import { breakCommits, dieAtCommits } from './commit.js';
import { isEngineOfServers } from './databases/create.js';
import { noteForgotten } from './databases/forgotten.js';
import { type Pair, type Shape, createPair } from './databases/pair.js';
import { comeToRest } from './drain.js';
import { failoverStage } from './failover.js';
import { FaultCounts } from './fault-counts.js';
import { crewOf } from './fleet/crew.js';
import { duplicates, repeatPayments } from './duplicates.js';
import { Fleet } from './fleet/fleet.js';
import { keepPace } from './fleet/pacing.js';
import { prepareForHostiles, untilPublished } from './hostile.js';
import { killInstances } from './instances.js';
import { judge } from './judge.js';
import { killSome } from './kill.js';
import { SHARED } from './processes/issuing.js';
import { LINES, disturbOrder, lossesFor, published } from './order.js';
import { pauseSome } from './pause.js';
import { historyIn } from './processes/history.js';
import { CommitFaults } from './proxy/commit-faults.js';
import { DedupMeetings } from './proxy/dedup-meetings.js';
import { WireFaults } from './proxy/wire-faults.js';
import { Seeded } from './seeded.js';
import { serverStage } from './server.js';
import type { Scene, Stage } from './stage.js';
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
  /** How many deliveries may share a transaction; undefined: none do. */
  perTransaction: number | undefined;
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
const MOST_WAITING = 1_000;

/** One run on fresh databases: faults, then none, then a look at what is there. */
export async function runChunk(plan: ChunkPlan): Promise<ChunkOutcome> {
  const stage = await stageFor(plan);
  const pair = await createPair(stage?.urls ?? { business: plan.url, broker: plan.url }, plan.shape);
  const folder = mkdtempSync(join(tmpdir(), 'mq-histories-'));
  let kept: string | undefined;
  try {
    if (plan.campaign === 'hostile' || plan.campaign === 'all') await prepareForHostiles(pair);
    if (plan.campaign === 'forgetting') await noteForgotten(pair);
    const variant = variantNamed(plan.variant);
    await variant?.spoil?.(pair);
    const { faults, drainMs, left, meetings } = await play(plan, { pair, stage, folder });
    const [histories, rows] = [readHistories(folder), await readRows(pair)];
    const { findings, ...judgement } = await judge(plan.campaign, {
      ...{ pair, histories, rows, meetings },
      isThrough: drainMs !== undefined,
      // A consumer of its own does it its own way.
      hasDedup: variant?.consumer === undefined,
    });
    findings.left.push(...left);
    if (!plan.variant && Object.values(findings).some((found: string[]) => found.length > 0)) kept = folder;
    const cards = [...rows.cards.values()].flatMap((ofGroups) => [...ofGroups.values()]);
    return {
      faults: FaultCounts.sum([faults, judgement.faults ?? new FaultCounts(), sharingOf(plan, histories)]),
      publishes: countOutcomes(histories),
      effects: cards.reduce((sum, n) => sum + n, 0),
      judged: judgement.judged ?? new Map(),
      longest: judgement.longest ?? new Map(),
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
  const { serverOptions, withoutSemiSync = false } = variantNamed(variant) ?? {};
  const hasServers = campaign === 'server' || campaign === 'all';
  if (hasServers && isEngineOfServers(url)) return serverStage(url, shape, serverOptions?.(url) ?? []);
  return campaign === 'failover' ? failoverStage(shape, !withoutSemiSync) : undefined;
}

async function play(plan: ChunkPlan, { pair, stage, folder }: { pair: Pair; stage?: Stage; folder: string }) {
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
    const faults = await meetFaults(plan, { fleet, size, chance, onAccident, pair, stage, losses, wire });
    await stopPacing();
    const { drainMs, left } = await comeToRest(fleet, pair);
    const messages = (await COUNTED[campaign]?.(pair)) ?? size;
    if (messages < size) accidents.push(`only ${messages} of ${size} messages were published`);
    return { faults, drainMs, left: [...left, ...accidents], meetings };
  } finally {
    await stopPacing();
    await fleet.close();
  }
}

/** What `size` counts, where it is counted by what is published. */
const COUNTED: Partial<Record<CampaignName, (pair: Pair) => Promise<number>>> = {
  all: messagesOfAll,
  order: published,
  hostile: published,
  forgetting: published,
  duplicates,
};

/** How many COMMITs are lost, of each kind at each place. */
const LOST_IN: Partial<Record<CampaignName, (size: number) => number>> = {
  commit: (size) => size,
  order: lossesFor,
  all: lossesOfAll,
};

/** What a proxy does to COMMITs: nothing on SQLite, where it stands in nobody's way. */
function lossesOf({ campaign, shape, seed, size }: ChunkPlan, pair: Pair): CommitFaults | undefined {
  const ofEach = LOST_IN[campaign]?.(size);
  if (pair.business.engine === 'sqlite' || ofEach === undefined) return undefined;
  return new CommitFaults(shape, ofEach, new Seeded(seed).child('commits'));
}

/** SQLite has one transaction at a time that writes: no copy can meet a row of one that is under way. */
function meetingsOf({ campaign }: ChunkPlan, pair: Pair): DedupMeetings | undefined {
  const { engine } = pair.business;
  return campaign === 'duplicates' && engine !== 'sqlite' ? new DedupMeetings(engine) : undefined;
}

interface Around {
  pair: Pair;
  stage?: Stage;
  losses?: CommitFaults;
  wire?: WireFaults;
}

function meetFaults(
  { campaign, shape }: ChunkPlan,
  { pair, stage, losses, wire, ...scene }: Scene & Around,
): Promise<FaultCounts> {
  const { fleet, size, chance } = scene;
  if (campaign === 'all') return doEverything(scene, pair, losses, stage);
  if (stage) return stage.disturb(scene);
  if (campaign === 'hostile') return untilPublished(pair, size).then(() => new FaultCounts());
  if (wire) return breakWire(fleet, wire, size, chance);
  if (campaign === 'duplicates') return repeatPayments(fleet, pair, size, chance);
  if (campaign === 'order' || campaign === 'forgetting')
    return disturbOrder(fleet, pair, size, chance, losses);
  if (campaign === 'instances') return killInstances(fleet, pair, size, chance);
  if (campaign === 'pause') return pauseSome(fleet, pair, size, chance);
  if (campaign === 'kill') return killSome(fleet, size, chance);
  return losses ? breakCommits(losses) : dieAtCommits(fleet, shape, size, chance);
}

/** It is no fault, but a run in which it never happened shows nothing of it. */
function sharingOf({ campaign, perTransaction }: ChunkPlan, { events }: Histories): FaultCounts {
  return FaultCounts.told(perTransaction || campaign === 'all' ? [[SHARED, events.get(SHARED) ?? 0]] : []);
}

function countOutcomes({ publishes }: Histories): ChunkOutcome['publishes'] {
  const counts = { attempted: publishes.size, acknowledged: 0, unknown: 0, failed: 0 };
  for (const { outcome } of publishes.values()) counts[outcome]++;
  return counts;
}
