import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Shape } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import { moment } from './moment.js';
import { placesOf } from './proxy/commit-faults.js';
import type { SeenCommit } from './proxy/commit-sight.js';
import { Duo } from './servers/duo.js';
import { LATENCY_MS } from './servers/member.js';
import type { Scene, Stage } from './stage.js';

/** When the primary is lost, in turn. */
const WHEN = ['right after the answer to a publish', 'at a COMMIT', 'at any time'] as const;
/** How long nobody is there before the replica is promoted, in milliseconds. */
const AWAY_MS = { least: 0, most: 3_000 };

export async function failoverStage(shape: Shape, semiSync: boolean): Promise<Stage> {
  const duo = await Duo.start(semiSync);
  return {
    urls: { business: duo.url, broker: duo.url },
    disturb: (scene) => failOver(duo, shape, scene),
    close: () => duo.close(),
  };
}

/** `size` times the primary dies under load, and the replica is promoted. */
async function failOver(
  duo: Duo,
  shape: Shape,
  { fleet, size, chance, onAccident }: Scene,
): Promise<FaultCounts> {
  const faults = new FaultCounts();
  for (const what of [...WHEN, 'COMMIT without an answer']) faults.want(what, 0);
  for (let turn = 0; turn < size; turn++) for (const what of ['failover', whenOf(turn)]) faults.want(what);
  for (let turn = 0; turn < size; turn++) {
    await duo.addReplica();
    const commit = commitFor(turn, shape);
    // What is acknowledged by then without the replica is still on its way to it.
    if (!(await moment(fleet, commit, chance, commit?.answered ? 0 : LATENCY_MS))) {
      onAccident(`nobody commits (${commit?.place}) any more`);
      break;
    }
    faults.count('COMMIT without an answer', fleet.unanswered);
    await duo.losePrimary();
    await pause(chance.between(AWAY_MS.least, AWAY_MS.most));
    await duo.promote();
    for (const what of ['failover', whenOf(turn)]) faults.count(what);
    if (await fleet.nextCommit({ place: 'consume', answered: true }, STALL_MS)) continue;
    onAccident(`nobody consumes after failover ${turn + 1}`);
    break;
  }
  return faults;
}

function whenOf(turn: number): (typeof WHEN)[number] {
  return WHEN[turn % WHEN.length]!;
}

function commitFor(turn: number, shape: Shape): SeenCommit | undefined {
  const when = whenOf(turn);
  if (when === 'at any time') return undefined;
  if (when !== 'at a COMMIT') return { place: 'publish', answered: true };
  const places = placesOf(shape);
  return { place: places[Math.floor(turn / WHEN.length) % places.length]!, answered: false };
}
