import { readFileSync, writeFileSync } from 'node:fs';
import { allContestants } from './contestants/index.js';
import type { ContestantResult } from './results.js';
import { VoidRound, playRound } from './round.js';
import type { BenchServer } from './servers/kinds.js';
import type { Size } from './sizes.js';

/** The rounds, in the same Node as the workers: it reads what is to be done, and writes what was measured. */

export interface Order {
  servers: BenchServer[];
  size: Size;
  contestants: string[];
  /** The process below which everything of the bench runs. */
  root: number;
  resultFile: string;
}

const order = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Order;
const { size, servers, root } = order;
const chosen = (await allContestants()).filter(({ name }) => order.contestants.includes(name));
const results: ContestantResult[] = chosen.map(({ name, label, family, servers, settings, weaker }) => ({
  ...{ name, label, family, servers, settings, rounds: [], voids: [] },
  ...(weaker !== undefined && { weaker }),
}));

for (let round = 0; round < size.rounds; round++) {
  for (const index of turns(round)) {
    const contestant = chosen[index]!;
    const result = results[index]!;
    const began = performance.now();
    try {
      const calm = round < size.calmRounds;
      result.rounds[round] = await playRound(contestant, { size, servers, calm, root });
    } catch (error) {
      result.rounds[round] = null;
      result.voids.push(error instanceof VoidRound ? error.message : String((error as Error).stack ?? error));
      console.error(`VOID: ${contestant.name}: ${result.voids.at(-1)}`);
    }
    console.error(line(round, contestant.name, result, performance.now() - began));
    writeFileSync(order.resultFile, JSON.stringify(results));
  }
}

/** Each round begins with another one, and every other round goes backwards: nobody always follows the same neighbour. */
function turns(round: number): number[] {
  const order = chosen.map((_, i) => (i + round) % chosen.length);
  return round % 2 === 0 ? order : order.reverse();
}

function line(round: number, name: string, result: ContestantResult, tookMs: number): string {
  const figures = result.rounds[round];
  const head = `round ${round + 1}/${size.rounds} ${name.padEnd(32)} ${(tookMs / 1_000).toFixed(0).padStart(4)} s`;
  if (!figures) return `${head}  void`;
  const consume = Object.entries(figures.consume).map(
    ([processes, { perSecond }]) => `${processes}: ${perSecond.toFixed(0)}`,
  );
  const latency = figures.latency && `  p50 ${figures.latency.within.p50.toFixed(1)} ms`;
  return `${head}  publish ${figures.publish.perSecond.toFixed(0)}, consume ${consume.join(' ')}, end to end ${figures.endToEnd.perSecond.toFixed(0)}${latency ?? ''}`;
}
