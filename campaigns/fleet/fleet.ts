import { Wire } from '../../examples/demo/wire/wire.js';
import { PATIENCE_MS } from '../processes/options.js';
import type { Role } from '../processes/task.js';
import { Balancer } from '../proxy/balancer.js';
import type { SeenCommit } from '../proxy/commit-sight.js';
import type { WireFaults } from '../proxy/wire-faults.js';
import { type Crew, perTransactionOf } from './crew.js';
import { Slot, type Surroundings } from './slot.js';

/** Everybody who takes part in a chunk. */
export class Fleet {
  private constructor(
    readonly slots: readonly Slot[],
    private readonly balancer: Balancer | Wire | undefined,
  ) {}

  /** Groups subscribe before the first message is published: what comes earlier is for nobody. */
  static async start(given: Omit<Surroundings, 'service'>, crew: Crew): Promise<Fleet> {
    const ports = new Map<string, number>();
    const balancer = crew.instance ? await openBalancer(ports, given.wire) : undefined;
    const around: Surroundings = { ...given, service: balancer && { url: balancer.url, ports } };
    const fleet = new Fleet(await openSlots(around, crew), balancer);
    try {
      const first: readonly Role[] = ['instance', 'consumer'];
      for (const role of first) await startAll(fleet.of(role));
      await startAll(fleet.slots.filter(({ role }) => !first.includes(role)));
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  of(role: Role): Slot[] {
    return this.slots.filter((slot) => slot.role === role);
  }

  /** Resolves when somebody's COMMIT is just there. @returns false when there was none in time */
  nextCommit({ place, answered }: SeenCommit, withinMs: number): Promise<boolean> {
    const isIt = (seen: SeenCommit) => seen.place === place && seen.answered === answered;
    return Promise.race(this.slots.map(({ sight }) => sight.next(isIt, withinMs)));
  }

  /** COMMITs under way that no database has answered yet. */
  get unanswered(): number {
    return this.slots.flatMap(({ ways }) => ways).reduce((sum, way) => sum + way.unanswered, 0);
  }

  /** What was under way is written down when this resolves, and its publisher gone. */
  async stopPublishing(): Promise<void> {
    const stopped = this.of('publisher').map((slot) => slot.hears('stopped-publishing'));
    for (const slot of this.of('publisher')) slot.tell('stop-publishing');
    await Promise.all(stopped);
    await Promise.all(this.of('publisher').map((slot) => slot.shutDown()));
  }

  async sweep(): Promise<void> {
    const [sweeper] = [...this.of('sweeper'), ...this.of('instance')];
    const swept = sweeper!.hears('swept');
    sweeper!.tell('sweep');
    await swept;
  }

  /** Whoever is there comes to its end. Instances of the service come last: the others have something to tell them. */
  async shutDown(): Promise<void> {
    const isInstance = ({ role }: Slot) => role === 'instance';
    await Promise.all(this.slots.filter((slot) => !isInstance(slot)).map((slot) => slot.shutDown()));
    await Promise.all(this.slots.filter(isInstance).map((slot) => slot.shutDown()));
  }

  async close(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.close()));
    await this.balancer?.close();
  }
}

/** Before the instances of the service, with what befalls requests on the way. */
function openBalancer(
  ports: ReadonlyMap<string, number>,
  faults: WireFaults | undefined,
): Promise<Balancer | Wire> {
  if (!faults) return Balancer.open(() => [...ports.values()]);
  let turn = 0;
  const next = () => [...ports.values()][turn++ % ports.size];
  return Wire.open({ next }, { faults, unlucky: faults, patienceMs: PATIENCE_MS });
}

async function startAll(slots: readonly Slot[]): Promise<void> {
  for (const slot of slots) slot.start();
  await Promise.all(slots.map((slot) => slot.ready()));
}

async function openSlots(around: Surroundings, crew: Crew): Promise<Slot[]> {
  const slots: Slot[] = [];
  for (const [role, count] of Object.entries(crew) as [Role, number][]) {
    for (let i = 1; i <= count; i++) {
      const own = { ...around, perTransaction: perTransactionOf(around, role, i) };
      slots.push(await Slot.open(role, `${role}-${i}`, own));
    }
  }
  return slots;
}
