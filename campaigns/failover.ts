import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Shape } from './databases/pair.js';
import type { FaultCounts } from './kill.js';
import { moment } from './moment.js';
import { placesOf } from './proxy/commit-faults.js';
import type { Place } from './proxy/transaction-watch.js';
import { Duo } from './servers/duo.js';
import { LATENCY_MS } from './servers/member.js';
import type { Scene, Stage } from './stage.js';

/** How long after a COMMIT has been sent, in milliseconds: time for its answer, but not for its way to the replica. */
const BEHIND_MS = { least: 5, most: LATENCY_MS };
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
  const counts: FaultCounts = new Map();
  const count = (what: string, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by);
  for (const what of ['failover', 'at any time', 'at a COMMIT', 'COMMIT without an answer']) count(what, 0);
  for (let turn = 0; turn < size; turn++) {
    await duo.addReplica();
    const place = placeOf(turn, shape);
    if (!(await moment(fleet, place, chance, BEHIND_MS))) {
      onAccident(`nobody commits (${place}) any more`);
      break;
    }
    count('COMMIT without an answer', fleet.unanswered);
    await duo.check();
    await duo.losePrimary();
    await pause(chance.between(AWAY_MS.least, AWAY_MS.most));
    await duo.promote();
    count('failover');
    count(place ? 'at a COMMIT' : 'at any time');
    if (await fleet.nextCommit('consume', STALL_MS)) continue;
    onAccident(`nobody consumes after failover ${turn + 1}`);
    break;
  }
  return counts;
}

/** Every other one behind a publish, whose acknowledgement somebody relies on; of the rest one at any time, one elsewhere. */
function placeOf(turn: number, shape: Shape): Place | undefined {
  if (turn % 2 === 0) return 'publish';
  const others = placesOf(shape).filter((place) => place !== 'publish');
  return turn % 4 === 1 ? undefined : others[Math.floor(turn / 4) % others.length];
}
