import { WHEN, WHO, dieAs } from './commit.js';
import type { Pair } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import { KINDS, type KillKind, killAs } from './kill.js';
import type { Role } from './processes/task.js';
import { placesOf } from './proxy/commit-faults.js';
import type { Place } from './proxy/transaction-watch.js';
import type { Seeded } from './seeded.js';
import { Successors } from './successors.js';

/** One death for so many messages, and one at least for each role. */
const MESSAGES_A_DEATH = 80;

type Way = KillKind | (typeof WHEN)[number];

/** On SQLite, whoever COMMITs something. */
const AT_COMMITS: readonly Way[] = ['plain', ...WHEN];

interface Turn {
  slot: Slot;
  way: Way;
}

/** Processes that are killed one after the other, a role after the other; on SQLite two in three at a COMMIT of theirs. */
export class Dying {
  readonly faults = new FaultCounts();
  private readonly turns: readonly Turn[];
  private readonly successors: Successors;
  private begun = 0;
  /** Each place has one death at a time. */
  private readonly under = new Map<Slot, Promise<void>>();
  private done = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly pair: Pair,
    size: number,
    private readonly chance: Seeded,
    messagesADeath = MESSAGES_A_DEATH,
  ) {
    const roles = [...new Set(fleet.slots.map(({ role }) => role))];
    this.turns = this.plan(roles, Math.max(roles.length + 1, Math.ceil(size / messagesADeath)));
    const ways = this.onSqlite ? AT_COMMITS : KINDS;
    for (const what of [...roles, ...ways]) this.faults.want(`kill ${what}`, 0);
    for (const { slot, way } of this.turns)
      for (const what of [slot.role, way]) this.faults.want(`kill ${what}`);
    this.successors = new Successors(this.faults, this.turns.length, chance.child('successors'));
  }

  get isComplete(): boolean {
    return this.done === this.turns.length;
  }

  get total(): number {
    return this.done;
  }

  /** @param share of the run that is over */
  go(share: number): void {
    const count = this.turns.length;
    for (; this.begun < count && (this.begun + 0.5) / count <= share; this.begun++) {
      const turn = this.turns[this.begun]!;
      const former = this.under.get(turn.slot) ?? Promise.resolve();
      const death = former.then(() => this.die(turn)).finally(() => this.done++);
      // Told of when all is over.
      death.catch(() => undefined);
      this.under.set(turn.slot, death);
    }
  }

  async over(): Promise<void> {
    await Promise.all(this.under.values());
    await Promise.all(this.fleet.slots.map((slot) => slot.ready()));
  }

  private get onSqlite(): boolean {
    return this.pair.business.engine === 'sqlite';
  }

  /** Each role dies in each way, however many roles there are. */
  private plan(roles: readonly Role[], count: number): Turn[] {
    let atPlaces = 0;
    return Array.from({ length: count }, (_, turn) => {
      const role = roles[turn % roles.length]!;
      const slots = this.fleet.of(role);
      const slot = slots[Math.floor(turn / roles.length) % slots.length]!;
      if (!this.onSqlite) return { slot, way: ofThree(KINDS, turn) };
      return { slot, way: this.placesOfRole(role).length > 0 ? ofThree(AT_COMMITS, atPlaces++) : 'plain' };
    });
  }

  private placesOfRole(role: Role): readonly Place[] {
    return placesOf(this.pair.shape).filter((place) => WHO[place] === role);
  }

  private async die({ slot, way }: Turn): Promise<void> {
    await slot.ready();
    const isDead =
      way === 'before-commit' || way === 'after-commit'
        ? await this.dieAtCommit(slot, way)
        : await killAs(slot, way, this.chance);
    if (!isDead) return;
    for (const what of [slot.role, way]) this.faults.count(`kill ${what}`);
    await this.successors.start(slot);
  }

  private async dieAtCommit(slot: Slot, when: (typeof WHEN)[number]): Promise<boolean> {
    const nth = 1 + Math.floor(this.chance.between(0, 10));
    const place = this.chance.pick(this.placesOfRole(slot.role));
    if (await dieAs(slot, { place, when, nth })) return true;
    await slot.kill();
    slot.start();
    return false;
  }
}

function ofThree(ways: readonly Way[], nth: number): Way {
  return ways[(nth + Math.floor(nth / ways.length)) % ways.length]!;
}
