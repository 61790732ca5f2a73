import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Findings, check } from './checker/check.js';
import { type Histories, readHistories } from './checker/histories.js';
import { readRows } from './checker/rows.js';
import { breakCommits, dieAtCommits } from './commit.js';
import { type Pair, type Shape, createPair } from './databases/pair.js';
import { DRAIN_MS, drain } from './drain.js';
import { Fleet } from './fleet/fleet.js';
import { keepPace } from './fleet/pacing.js';
import { type FaultCounts, killSome } from './kill.js';
import { GROUPS } from './processes/task.js';
import { CommitFaults } from './proxy/commit-faults.js';
import { Seeded } from './seeded.js';
import type { CampaignName } from './variants/variant.js';

export interface ChunkPlan {
  campaign: CampaignName;
  /** Undefined: SQLite. */
  url: string | undefined;
  shape: Shape;
  seed: string;
  /** Kills; or faults of each kind at each place. */
  size: number;
  variant: string | undefined;
  program: string;
}

export interface ChunkOutcome {
  faults: FaultCounts;
  publishes: Record<'attempted' | 'acknowledged' | 'unknown' | 'failed', number>;
  effects: number;
  /** What the faults led to, by the library's own account. */
  events: Map<string, number>;
  drainMs: number | undefined;
  findings: Findings;
}

/** One run on fresh databases: faults, then none, then a look at what is there. */
export async function runChunk(plan: ChunkPlan): Promise<ChunkOutcome> {
  const pair = await createPair(plan.url, plan.shape);
  const folder = mkdtempSync(join(tmpdir(), 'mq-histories-'));
  try {
    const { faults, drainMs, accidents } = await play(plan, pair, folder);
    const histories = readHistories(folder);
    const rows = await readRows(pair);
    const findings = check(histories, rows, { groups: GROUPS, isThrough: drainMs !== undefined });
    if (drainMs === undefined) findings.left.push(`not through after ${DRAIN_MS / 1000} s`);
    findings.left.push(...accidents);
    const cards = [...rows.cards.values()].flatMap((ofGroups) => [...ofGroups.values()]);
    return {
      faults,
      publishes: countOutcomes(histories),
      effects: cards.reduce((sum, n) => sum + n, 0),
      events: histories.events,
      drainMs,
      findings,
    };
  } finally {
    await pair.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function play(
  { campaign, shape, seed, size, variant, program }: ChunkPlan,
  pair: Pair,
  folder: string,
) {
  const chance = new Seeded(seed);
  const onServer = pair.business.engine !== 'sqlite';
  const breaks = campaign === 'commit' && onServer;
  const commitFaults = breaks ? new CommitFaults(shape, size, chance.child('commits')) : undefined;
  const accidents: string[] = [];
  const onAccident = (what: string) => void accidents.push(what);
  const around = { pair, program, folder, seed, variant, faults: commitFaults, onAccident };
  const fleet = await Fleet.start(around);
  const stopPacing = keepPace(fleet, pair);
  try {
    const faults = commitFaults
      ? await breakCommits(commitFaults)
      : campaign === 'commit'
        ? await dieAtCommits(fleet, shape, size, chance)
        : await killSome(fleet, size, chance);
    await stopPacing();
    await fleet.stopPublishing();
    return { faults, drainMs: await drain(fleet, pair), accidents };
  } finally {
    await stopPacing();
    await fleet.close();
  }
}

function countOutcomes({ publishes }: Histories): ChunkOutcome['publishes'] {
  const counts = { attempted: publishes.size, acknowledged: 0, unknown: 0, failed: 0 };
  for (const { outcome } of publishes.values()) counts[outcome]++;
  return counts;
}
