import type { Engine } from '../databases/create.js';
import { Seeded } from '../seeded.js';

/** What becomes of a payment in a group: one card, or a dead letter with this reason. */
export type End = 'once' | 'torn' | 'failed' | 'rejected';

/** MariaDB is one of MySQL's. */
type Kind = 'sqlite' | 'mysql' | 'postgres';

interface Conduct {
  /** Left out: on all of them. */
  on?: readonly Kind[];
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
  'swallows a duplicate key': { on: ['sqlite', 'mysql'], ends: ['once'] },
  'swallows a duplicate key, which aborts': { on: ['postgres'], ends: ['failed'] },
  'answers a duplicate key with a savepoint': { on: ['postgres'], ends: ['once'] },
  'nests transactions side by side': { ends: ['once'] },
  'blocks for longer than its lease': { ends: ['once'] },
  'commits and finishes': { on: ['mysql'], ends: ['once'] },
  'commits and throws': { on: ['mysql'], ends: ['torn'] },
  'runs DDL and finishes': { ends: ['once'] },
  'runs DDL and throws': { on: ['mysql'], ends: ['torn'] },
  'runs DDL, which is rolled back, and throws': { on: ['sqlite', 'postgres'], ends: ['failed'] },
  'calls a procedure that commits, and throws': { on: ['mysql'], ends: ['torn'] },
  'calls a procedure that commits, which is refused': { on: ['postgres'], ends: ['failed'] },
  'switches autocommit on, and throws': { on: ['mysql'], ends: ['torn'] },
  'rolls back and writes on': { on: ['mysql', 'postgres'], ends: ['failed'] },
  'rolls back, writes on and throws': { on: ['mysql', 'postgres'], ends: ['failed'] },
  'swallows an error 1213, and writes on': { on: ['mysql'], ends: ['once'] },
  'swallows an error 40P01, and writes on': { on: ['postgres'], ends: ['once'] },
  'runs into others, and swallows what comes of it': { on: ['mysql', 'postgres'], ends: ['once'] },
  'forgets an await': { on: ['mysql', 'postgres'], ends: ['failed'] },
  'leaves a stream open': { on: ['mysql'], ends: ['failed'] },
  'changes its session': { on: ['mysql', 'postgres'], ends: ['once'] },
  // On SQLite everybody would wait for it, who has something to write.
  'never returns': { on: ['mysql', 'postgres'], ends: ['failed'] },
  'sends COMMIT, which is refused': { on: ['sqlite', 'postgres'], ends: ['failed'] },
  'sends COMMIT, and swallows the refusal': { on: ['sqlite', 'postgres'], ends: ['once'] },
  'swallows a statement that rolls back, and writes on': { on: ['sqlite'], ends: ['once'] },
} as const satisfies Record<string, Conduct>;

export type ConductName = keyof typeof CONDUCTS;

/** Of the payments in each group: the others are handled as they should be. */
const HOSTILE = 0.4;

export function conductsOn(engine: Engine): ConductName[] {
  const here: Kind = engine === 'mariadb' ? 'mysql' : engine;
  const conducts = Object.entries<Conduct>(CONDUCTS) as [ConductName, Conduct][];
  return conducts.filter(([, { on = [here] }]) => on.includes(here)).map(([name]) => name);
}

/** How the handler of a group behaves with a payment, in whatever process; undefined: well. */
export function conductFor(engine: Engine, group: string, paymentId: string): ConductName | undefined {
  const chance = new Seeded(`${group} ${paymentId}`);
  return chance.chance(HOSTILE) ? chance.pick(conductsOn(engine)) : undefined;
}

export function endsOf(conduct: ConductName | undefined): readonly End[] {
  return conduct === undefined ? ['once'] : CONDUCTS[conduct].ends;
}
