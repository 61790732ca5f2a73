import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { EngineOfServers } from './databases/create.js';
import type { Shape } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import { moment } from './moment.js';
import { oneInTen } from './one-in-ten.js';
import type { Place } from './proxy/transaction-watch.js';
import { DurableServer } from './servers/durable-server.js';
import type { Scene, Stage } from './stage.js';

/** How long a server is away beside what it takes to recover. Leases are 1.5 s. */
const AWAY_MS = { least: 0, most: 3_000 };
/** How long after a COMMIT has been sent at most, in milliseconds: before it is done, or before its answer is there, or after that. */
const BEHIND_MS = 3;
/** How long after its start one is killed once more, in milliseconds: it recovers from the first time then. */
const RECOVERING_MS = { least: 20, most: 300 };
const AGAIN = 'killed again while it recovers';

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
  engine: EngineOfServers,
  shape: Shape,
  laterOptions: readonly string[],
): Promise<Stage> {
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
  const faults = new FaultCounts();
  const turns = Array.from({ length: size }, (_, turn) => turnOf(turn, targets, shape));
  const again = oneInTen(size, chance);
  for (const what of [...targets.map(nameOf), 'at any time', 'at a COMMIT']) faults.want(what, 0);
  for (const { target, when } of turns) for (const what of [nameOf(target), when]) faults.want(what);
  faults.want('COMMIT without an answer');
  faults.want(AGAIN, again.size);

  for (const [turn, { target, when, place }] of turns.entries()) {
    // Every other one at once, so that nobody can have been answered.
    const behindMs = faults.happened('at a COMMIT') % 2 === 0 ? 0 : BEHIND_MS;
    if (!(await moment(fleet, place && { place, answered: false }, chance, behindMs))) {
      onAccident(`nobody commits (${place}) any more`);
      break;
    }
    faults.count('COMMIT without an answer', fleet.unanswered);
    const down = target.map((name) => servers.get(name)!);
    await Promise.all(down.map((server) => server.kill()));
    for (const what of [nameOf(target), when]) faults.count(what);
    await pause(chance.between(AWAY_MS.least, AWAY_MS.most));
    const againAfterMs = again.has(turn)
      ? chance.between(RECOVERING_MS.least, RECOVERING_MS.most)
      : undefined;
    const wereAgain = await Promise.all(down.map((server) => server.comeBack(againAfterMs)));
    if (wereAgain.every(Boolean)) faults.count(AGAIN);
    // The next one is to meet work again.
    if (await fleet.nextCommit({ place: 'consume', answered: true }, STALL_MS)) continue;
    onAccident(`nobody consumes after kill ${turn + 1}`);
    break;
  }
  return faults;
}

interface Turn {
  target: readonly string[];
  when: 'at any time' | 'at a COMMIT';
  place: Place | undefined;
}

/** Every other one of each target at a COMMIT, at each place in turn. */
function turnOf(turn: number, targets: readonly (readonly string[])[], shape: Shape): Turn {
  const target = targets[turn % targets.length]!;
  const round = Math.floor(turn / targets.length);
  const places = target.flatMap((name) => PLACES[shape][name]!);
  if (((turn % targets.length) + round) % 2 === 0) return { target, when: 'at any time', place: undefined };
  return { target, when: 'at a COMMIT', place: places[Math.floor(round / 2) % places.length]! };
}

function nameOf(target: readonly string[]): string {
  return `kill ${target.join(' and ')}`;
}
