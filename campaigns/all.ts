import type { Pair } from './databases/pair.js';
import { Dying } from './dying.js';
import { FaultCounts } from './fault-counts.js';
import { pauseSome } from './pause.js';
import type { CommitFaults } from './proxy/commit-faults.js';
import { spreadFaults } from './spread.js';
import type { Scene, Stage } from './stage.js';

/** How many messages there are for a fault: so seldom that most of the time is work. */
const MESSAGES_A_DEATH = 1_000;
const MESSAGES_A_LOSS = 5_000;
const MESSAGES_A_PAUSE = 2_500;
/** Two for each turn of the roles: that a lease runs out meanwhile is chance. */
const PAUSES = 12;
/** One server, the other, and both. */
const SERVER_KILLS = 3;

/** How many COMMITs are to be lost, of each kind at each place. */
export function lossesOfAll(size: number): number {
  return Math.ceil(size / MESSAGES_A_LOSS);
}

/**
 * What the other campaigns do by itself, at once: processes are killed and stand still, COMMITs are lost; handlers,
 * publishers and the operator do their part by themselves. Then, where the servers are the campaign's own, these are killed
 * under the same load: no process can be started meanwhile.
 */
export async function doEverything(
  scene: Scene,
  pair: Pair,
  losses: CommitFaults | undefined,
  stage: Stage | undefined,
): Promise<FaultCounts> {
  const { fleet, size, chance } = scene;
  const dying = new Dying(fleet, pair, size, chance.child('deaths'), MESSAGES_A_DEATH);
  const pauses = Math.max(PAUSES, Math.ceil(size / MESSAGES_A_PAUSE));
  const faults = await Promise.all([
    spreadFaults(size, () => messages(pair), dying, losses),
    pauseSome(fleet, pair, pauses, chance.child('pauses')),
  ]);
  if (stage) faults.push(await stage.disturb({ ...scene, size: SERVER_KILLS }));
  return FaultCounts.sum(faults);
}

export async function messages({ rawBusiness }: Pair): Promise<number> {
  const [row] = await rawBusiness.query('SELECT SUM(copies) AS n FROM payment');
  return Number(row!.n);
}
