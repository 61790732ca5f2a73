import type { Engine } from '../databases/create.js';
import { Seeded } from '../seeded.js';

/** What becomes of a payment in a group: one card, or a dead letter with this reason. */
export type End = 'once' | 'torn' | 'failed' | 'rejected';

interface Conduct {
  /** Left out: on all of them. */
  on?: 'servers' | 'sqlite';
  /** One of these. */
  ends: readonly End[];
}

/** How a handler may behave, and how that may end. What is said of an attempt holds for the first one; the next behaves. */
export const CONDUCTS = {
  'throws after its effect': { ends: ['failed'] },
  'throws something odd': { ends: ['failed'] },
  'throws at its first attempt': { ends: ['once'] },
  'rejects after its effect': { ends: ['rejected'] },
  "uses the app's DataSource": { ends: ['failed'] },
  "uses the app's DataSource, and swallows the refusal": { ends: ['once'] },
  'swallows a duplicate key': { ends: ['once'] },
  'nests transactions side by side': { ends: ['once'] },
  'blocks for longer than its lease': { ends: ['once'] },
  'commits and finishes': { on: 'servers', ends: ['once'] },
  'commits and throws': { on: 'servers', ends: ['torn'] },
  'runs DDL and finishes': { ends: ['once'] },
  'runs DDL and throws': { on: 'servers', ends: ['torn'] },
  'runs DDL, which SQLite rolls back, and throws': { on: 'sqlite', ends: ['failed'] },
  'calls a procedure that commits, and throws': { on: 'servers', ends: ['torn'] },
  'switches autocommit on, and throws': { on: 'servers', ends: ['torn'] },
  'rolls back and writes on': { on: 'servers', ends: ['failed'] },
  'rolls back, writes on and throws': { on: 'servers', ends: ['failed'] },
  'swallows an error 1213, and writes on': { on: 'servers', ends: ['once'] },
  'runs into others, and swallows what comes of it': { on: 'servers', ends: ['once'] },
  'forgets an await': { on: 'servers', ends: ['failed'] },
  'leaves a stream open': { on: 'servers', ends: ['failed'] },
  'changes its session': { on: 'servers', ends: ['once'] },
  // On SQLite everybody would wait for it, who has something to write.
  'never returns': { on: 'servers', ends: ['failed'] },
  'sends COMMIT, which is refused': { on: 'sqlite', ends: ['failed'] },
  'sends COMMIT, and swallows the refusal': { on: 'sqlite', ends: ['once'] },
  'swallows a statement that rolls back, and writes on': { on: 'sqlite', ends: ['once'] },
} as const satisfies Record<string, Conduct>;

export type ConductName = keyof typeof CONDUCTS;

/** Of the payments in each group: the others are handled as they should be. */
const HOSTILE = 0.4;

export function conductsOn(engine: Engine): ConductName[] {
  const here = engine === 'sqlite' ? 'sqlite' : 'servers';
  const conducts = Object.entries<Conduct>(CONDUCTS) as [ConductName, Conduct][];
  return conducts.filter(([, { on = here }]) => on === here).map(([name]) => name);
}

/** How the handler of a group behaves with a payment, in whatever process; undefined: well. */
export function conductFor(engine: Engine, group: string, paymentId: string): ConductName | undefined {
  const chance = new Seeded(`${group} ${paymentId}`);
  return chance.chance(HOSTILE) ? chance.pick(conductsOn(engine)) : undefined;
}

export function endsOf(conduct: ConductName | undefined): readonly End[] {
  return conduct === undefined ? ['once'] : CONDUCTS[conduct].ends;
}
