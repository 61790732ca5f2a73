import type { CampaignDatabase } from '../databases/create.js';
import type { Pair } from '../databases/pair.js';
import { Seeded } from '../seeded.js';
import { Check, type Findings } from './check.js';
import type { SimulatedDatabase } from './databases.js';
import { Faults } from './faults.js';
import { Fleet } from './fleet.js';
import { DAY_MS, LEASE_MS } from './times.js';
import { Record } from './record.js';
import { Simulation } from './simulation.js';
import type { Trace } from './trace.js';
import type { SimulatedVariant } from './variants.js';
import type { World } from './world.js';

export interface Databases {
  readonly business: SimulatedDatabase;
  readonly broker: SimulatedDatabase;
}

export interface SeedOutcome {
  readonly seed: number;
  readonly shape: 1 | 2;
  readonly findings: Findings;
  readonly counts: ReadonlyMap<string, number>;
  readonly trace: Trace;
  readonly simulatedMs: number;
}

const PUBLISHING_MS = 60_000;
const AFTERWARDS_MS = 10_000;
/** When faults are over; in between all sleep for as long, for what waits for a clock that was set. */
const DRAIN_MS = 40_000;
const DRAINS = 40;
const DRAIN_SLEEP_MS = 600_000;

/** Two in three have the broker apart, where more can go wrong. */
const SHAPES = [1, 2, 2] as const;

/** What must be empty when everything is through. */
const WAITING = ['delivery', 'delivery_keyed', 'waiting', 'parked', 'dead_letter', 'message'];
const OUTBOX = ['outbox', 'outbox_keyed', 'outbox_scheduled'];

/** One seed: a small business, its faults, then rest, then the bill. */
export async function runSeed(
  seed: number,
  { business, broker }: Databases,
  { variant, keepsTrace = false }: { variant?: SimulatedVariant | undefined; keepsTrace?: boolean } = {},
): Promise<SeedOutcome> {
  business.reset();
  broker.reset();
  const chance = new Seeded(`simulate ${seed}`);
  const shape = chance.pick(variant?.shapes ?? SHAPES);
  const faults = new Faults(chance, LEASE_MS);
  const simulation = new Simulation(chance, faults, { keepsTrace });
  const world: World = {
    simulation,
    record: new Record(),
    shape,
    business,
    broker: shape === 1 ? business : broker,
    variant,
    far: chance.pick(['database', 'service']),
    pollMs: chance.pick([800, 3_000, 8_000]),
  };
  faults.clocks.push(...new Set([world.business, world.broker]));
  await variant?.spoil?.(pairOf(world));
  Simulation.current = simulation;
  try {
    const fleet = new Fleet(world);
    fleet.start();
    await beforeRest(world, fleet);
    faults.areOver = true;
    const isThrough = await comeToRest(world, fleet);
    fleet.end();
    const findings = new Check(world, isThrough).run();
    if (!isThrough) findings.left.push(...leftIn(world, fleet));
    return {
      seed,
      shape,
      findings,
      counts: faults.counts,
      trace: simulation.trace,
      simulatedMs: simulation.now,
    };
  } finally {
    Simulation.current = undefined;
  }
}

/** As the variants of other campaigns find it. */
function pairOf({ shape, business, broker }: World): Pair {
  const sqlite = { engine: 'sqlite' } as CampaignDatabase;
  const { reached: rawBusiness } = business;
  return { shape, business: sqlite, broker: sqlite, rawBusiness, rawBroker: broker.reached } as Pair;
}

async function beforeRest({ simulation }: World, fleet: Fleet): Promise<void> {
  const { chance, faults } = simulation;
  const sleeps = faults.includes('asleep for days') ? Math.ceil(chance.between(0, 2)) : 0;
  for (let i = 0; i <= sleeps; i++) {
    if (i > 0) {
      faults.count('asleep for days');
      simulation.sleep(chance.between(0.5, 6) * DAY_MS);
    }
    const ms = chance.between(0, PUBLISHING_MS / (sleeps + 1));
    await simulation.run(() => i === sleeps && !fleet.isPublishing, i === sleeps ? PUBLISHING_MS : ms);
  }
  await simulation.run(() => false, chance.between(0, AFTERWARDS_MS));
}

async function comeToRest(world: World, fleet: Fleet): Promise<boolean> {
  const { simulation } = world;
  const isOver = () => leftIn(world, fleet).length === 0;
  for (let drain = 0; drain < DRAINS; drain++) {
    if (drain > 0) simulation.sleep(DRAIN_SLEEP_MS);
    if (await simulation.run(every(20, isOver), DRAIN_MS)) return true;
  }
  return isOver();
}

function leftIn({ business, broker }: World, fleet: Fleet): string[] {
  if (fleet.isPublishing) return ['publishers have not come to their end'];
  // What is not committed may be taken back.
  if (business.raw.inTransaction || broker.raw.inTransaction) return ['a transaction is open'];
  const left = [
    ...OUTBOX.map((table) => [table, business.count(`mq_${table}`)] as const),
    ...WAITING.map((table) => [table, broker.count(`mq_${table}`)] as const),
    ['quarantine', broker.count('mq_quarantine WHERE decision IS NULL')] as const,
  ];
  return left.filter(([, count]) => count > 0).map(([table, count]) => `${count} in ${table}`);
}

/** Looks now and then. */
function every(times: number, look: () => boolean): () => boolean {
  let calls = 0;
  return () => ++calls % times === 0 && look();
}
