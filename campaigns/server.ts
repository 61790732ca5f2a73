import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import { engineOf } from './databases/create.js';
import type { Shape } from './databases/pair.js';
import { AT_START, type FaultCounts } from './kill.js';
import { moment } from './moment.js';
import type { Place } from './proxy/transaction-watch.js';
import { DurableServer } from './servers/durable-server.js';
import type { Scene, Stage } from './stage.js';

/** How long a server is away beside what it takes to recover. Leases are 1.5 s. */
const AWAY_MS = { least: 0, most: 3_000 };
/** How long after a COMMIT has been sent at most, in milliseconds: before it is done, or before its answer is there, or after that. */
const BEHIND_MS = 3;
/** How long after its start one is killed once more, in milliseconds: it recovers from the first time then. */
const RECOVERING_MS = { least: 50, most: 600 };

/** Whose COMMITs each database sees. */
const PLACES: Record<Shape, Record<string, readonly Place[]>> = {
  1: { server: ['publish', 'claim', 'consume'] },
  2: {
    business: ['publish', 'relay-claim', 'relay-done', 'consume'],
    broker: ['land', 'claim', 'ack'],
  },
};

/** In shape 2 business and broker have a server each. */
export async function serverStage(
  url: string | undefined,
  shape: Shape,
  laterOptions: readonly string[],
): Promise<Stage> {
  const engine = engineOf(url) as 'mariadb' | 'mysql';
  const servers = new Map<string, DurableServer>();
  const close = async () => void (await Promise.all([...servers.values()].map((server) => server.close())));
  try {
    for (const name of Object.keys(PLACES[shape])) {
      servers.set(name, await DurableServer.start(engine, servers.size + 1, laterOptions));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const [business, broker = business] = [...servers.values()];
  return {
    urls: { business: business!.url, broker: broker!.url },
    disturb: (scene) => killServers({ servers, shape }, scene),
    close,
  };
}

interface Servers {
  servers: ReadonlyMap<string, DurableServer>;
  shape: Shape;
}

/** kill -9 of a server under load, `size` times: one or the other, or both at once. */
async function killServers(
  { servers, shape }: Servers,
  { fleet, size, chance, onAccident }: Scene,
): Promise<FaultCounts> {
  const names = [...servers.keys()];
  const targets = names.length > 1 ? [...names.map((name) => [name]), names] : [names];
  const counts: FaultCounts = new Map(targets.map((target) => [`kill ${target.join(' and ')}`, 0]));
  for (const what of ['at any time', 'at a COMMIT', 'COMMIT without an answer']) counts.set(what, 0);
  const count = (what: string, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by);

  for (let turn = 0; turn < size; turn++) {
    const target = targets[turn % targets.length]!;
    const round = Math.floor(turn / targets.length);
    // Every other one of each target, at each place in turn.
    const places = target.flatMap((name) => PLACES[shape][name]!);
    const place =
      ((turn % targets.length) + round) % 2 === 1
        ? places[Math.floor(round / 2) % places.length]!
        : undefined;
    // Every other one at once, so that nobody can have been answered.
    const behindMs = counts.get('at a COMMIT')! % 2 === 0 ? 0 : BEHIND_MS;
    if (!(await moment(fleet, place && { place, answered: false }, chance, behindMs))) {
      onAccident(`nobody commits (${place}) any more`);
      break;
    }
    count('COMMIT without an answer', fleet.unanswered);
    const down = target.map((name) => servers.get(name)!);
    await Promise.all(down.map((server) => server.kill()));
    count(`kill ${target.join(' and ')}`);
    count(place ? 'at a COMMIT' : 'at any time');
    await pause(chance.between(AWAY_MS.least, AWAY_MS.most));
    const again = chance.chance(AT_START)
      ? chance.between(RECOVERING_MS.least, RECOVERING_MS.most)
      : undefined;
    if (again !== undefined) count('killed again while it recovers');
    await Promise.all(down.map((server) => server.comeBack(again)));
    // The next one is to meet work again.
    if (await fleet.nextCommit({ place: 'consume', answered: true }, STALL_MS)) continue;
    onAccident(`nobody consumes after kill ${turn + 1}`);
    break;
  }
  return counts;
}
