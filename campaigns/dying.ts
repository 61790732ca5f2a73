import { WHEN, WHO, dieAs } from './commit.js';
import type { Pair } from './databases/pair.js';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import { AT_START, type FaultCounts, KINDS, killAs } from './kill.js';
import { placesOf } from './proxy/commit-faults.js';
import type { Place } from './proxy/transaction-watch.js';
import type { Seeded } from './seeded.js';

/** One death for so many messages, and one at least for each role. */
const MESSAGES_A_DEATH = 80;

/** Processes that are killed one after the other, a role after the other; on SQLite two in three at a COMMIT of theirs. */
export class Dying {
  readonly counts: FaultCounts;
  private readonly turns: number;
  private begun = 0;
  /** Each place has one death at a time. */
  private readonly under = new Map<Slot, Promise<void>>();
  private done = 0;
  private atPlaces = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly pair: Pair,
    size: number,
    private readonly chance: Seeded,
    messagesADeath = MESSAGES_A_DEATH,
  ) {
    const roles = this.roles;
    this.turns = Math.max(roles.length + 1, Math.ceil(size / messagesADeath));
    const ways = this.onSqlite ? ['plain', ...WHEN] : KINDS;
    this.counts = new Map([...roles, ...ways].map((what) => [`kill ${what}`, 0]));
  }

  get isComplete(): boolean {
    return this.done === this.turns;
  }

  get total(): number {
    return this.done;
  }

  /** @param share of the run that is over */
  go(share: number): void {
    for (; this.begun < this.turns && (this.begun + 0.5) / this.turns <= share; this.begun++) {
      const slots = this.fleet.of(this.roles[this.begun % this.roles.length]!);
      const slot = slots[Math.floor(this.begun / this.roles.length) % slots.length]!;
      const kind = this.kindOf(slot, this.begun);
      const former = this.under.get(slot) ?? Promise.resolve();
      const death = former.then(() => this.die(slot, kind)).finally(() => this.done++);
      // Told of when all is over.
      death.catch(() => undefined);
      this.under.set(slot, death);
    }
  }

  async over(): Promise<void> {
    await Promise.all(this.under.values());
    await Promise.all(this.fleet.slots.map((slot) => slot.ready()));
  }

  private get roles() {
    return [...new Set(this.fleet.slots.map(({ role }) => role))];
  }

  private get onSqlite(): boolean {
    return this.pair.business.engine === 'sqlite';
  }

  private async die(slot: Slot, kind: number): Promise<void> {
    if (!this.chance.chance(AT_START)) await slot.ready();
    const places = this.onSqlite ? this.placesOfRole(slot) : [];
    const way =
      kind > 0 && places.length > 0
        ? await this.dieAtCommit(slot, places, WHEN[kind - 1]!)
        : await this.killed(slot, this.onSqlite ? 'plain' : KINDS[kind]!);
    if (way === undefined) return;
    for (const what of [slot.role, way]) this.count(`kill ${what}`);
  }

  /** Each role dies in each way, however many roles there are. */
  private kindOf(slot: Slot, turn: number): number {
    const hasPlaces = this.onSqlite && this.placesOfRole(slot).length > 0;
    const nth = hasPlaces ? this.atPlaces++ : turn;
    return (nth + Math.floor(nth / KINDS.length)) % KINDS.length;
  }

  private placesOfRole({ role }: Slot): readonly Place[] {
    return placesOf(this.pair.shape).filter((place) => WHO[place] === role);
  }

  private async killed(slot: Slot, kind: (typeof KINDS)[number]) {
    if (!(await killAs(slot, kind, this.chance))) return undefined;
    slot.start();
    return kind;
  }

  private async dieAtCommit(slot: Slot, places: readonly Place[], when: (typeof WHEN)[number]) {
    const nth = 1 + Math.floor(this.chance.between(0, 10));
    const isDead = await dieAs(slot, { place: this.chance.pick(places), when, nth });
    await slot.kill();
    slot.start();
    return isDead ? when : undefined;
  }

  private count(what: string): void {
    this.counts.set(what, this.counts.get(what)! + 1);
  }
}
