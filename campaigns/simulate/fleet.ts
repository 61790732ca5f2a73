import { Actor } from './actor.js';
import { type Job, Process, type Role } from './process.js';
import { LEASE_MS } from './times.js';
import type { World } from './world.js';

const ALL_ROLES: readonly Role[] = ['publish', 'relay', 'consume', 'sweep'];
const LONGEST_RESTART_MS = 2 * LEASE_MS;
const LONGEST_SHUTDOWN_MS = 60_000;

interface Slot {
  job: Job;
  generation: number;
  actor: Actor | undefined;
  process: Process | undefined;
}

/** The processes of a seed, and others in the place of those that die. */
export class Fleet {
  private readonly slots: Slot[];

  constructor(private readonly world: World) {
    this.slots = layout(world).map((job) => ({ job, generation: 0, actor: undefined, process: undefined }));
    const { faults } = world.simulation;
    faults.onKill = (actor) => this.killed(actor);
  }

  get isPublishing(): boolean {
    return this.slots.some(({ job }) => job.lanes.some(({ left }) => left > 0));
  }

  start(): void {
    const { simulation } = this.world;
    for (const slot of this.slots) {
      simulation.plan(simulation.chance.between(0, 500), 'start', () => this.launch(slot), simulation.keeper);
    }
    if (simulation.faults.includes('shut down')) this.planShutdown();
  }

  /** All processes end where they stand. */
  end(): void {
    for (const { actor } of this.slots) actor?.die();
  }

  private launch(slot: Slot): void {
    const { simulation } = this.world;
    const actor = new Actor(`${slot.job.name}.${++slot.generation}`);
    Object.assign(slot, { actor, process: undefined });
    simulation.plan(0, 'launched', () => void this.boot(slot, actor), actor);
  }

  private async boot(slot: Slot, actor: Actor): Promise<void> {
    try {
      const process = await Process.start(slot.job, this.world);
      if (slot.actor === actor) slot.process = process;
    } catch (error) {
      // An app whose database fails at its start ends, and is started again.
      this.world.simulation.trace.note(
        this.world.simulation.now,
        actor.name,
        `could not start: ${String(error)}`,
      );
      this.killed(actor);
    }
  }

  private killed(actor: Actor): void {
    const { simulation } = this.world;
    actor.die();
    const slot = this.slots.find((each) => each.actor === actor);
    if (!slot) return;
    Object.assign(slot, { actor: undefined, process: undefined });
    const afterMs = simulation.chance.between(0, LONGEST_RESTART_MS);
    simulation.plan(afterMs, `start ${slot.job.name}`, () => this.launch(slot), simulation.keeper);
  }

  private planShutdown(): void {
    const { simulation } = this.world;
    const shutDown = () => {
      if (simulation.faults.areOver) return;
      const slot = simulation.chance.pick(this.slots);
      if (slot.process) this.shutDown(slot, slot.process);
      this.planShutdown();
    };
    simulation.plan(simulation.chance.between(2_000, 20_000), 'shut down', shutDown, simulation.keeper);
  }

  private shutDown(slot: Slot, process: Process): void {
    const { simulation, record } = this.world;
    const actor = slot.actor!;
    slot.process = undefined;
    simulation.faults.count('shut down');
    const end = () => this.killed(actor);
    const ended = () => simulation.plan(0, 'ended', end, simulation.keeper);
    simulation.plan(0, 'stop', () => void process.stop().then(ended, ended), actor);
    const began = simulation.awakeMs;
    const late = () => {
      if (!actor.isAlive) return;
      const leftMs = LONGEST_SHUTDOWN_MS - (simulation.awakeMs - began);
      if (leftMs > 0) return void simulation.plan(leftMs, 'should have ended', late, simulation.keeper);
      record.wrongs.push(`${actor.name} did not shut down within ${LONGEST_SHUTDOWN_MS} ms`);
      end();
    };
    simulation.plan(LONGEST_SHUTDOWN_MS, 'should have ended', late, simulation.keeper);
  }
}

/** One process for each role, twice; or apps that do everything. */
function layout({ simulation: { chance } }: World): Job[] {
  const lanes = (name: string) =>
    Array.from({ length: chance.pick([1, 1, 2]) }, (_, lane) => ({
      name: `${name}/${lane}`,
      left: Math.ceil(chance.between(0, 3)),
    }));
  if (chance.chance(0.7)) {
    const [one, other] = ['app-1', 'app-2'].map((name): Job => ({
      name,
      roles: ALL_ROLES,
      lanes: lanes(name),
    }));
    return [{ ...one!, roles: [...ALL_ROLES, 'operate'] }, other!];
  }
  const twice = (role: Role): Job[] =>
    [1, 2].map((number) => {
      const name = `${role}-${number}`;
      return { name, roles: [role], lanes: role === 'publish' ? lanes(name) : [] };
    });
  return [
    ...twice('publish'),
    ...twice('relay'),
    ...twice('consume'),
    { name: 'keeping', roles: ['sweep', 'operate'], lanes: [] },
  ];
}
