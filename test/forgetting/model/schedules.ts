import fc from 'fast-check';
import { DAY_MS, HOUR_MS } from '../../relay/parts.js';
import { comeToRest, commands } from './commands.js';
import type { Library } from './library.js';
import { Reference } from './reference.js';

/** Half as many on average, and three in four of them can be done when it is their turn. */
const MOST_COMMANDS = 100;
/** By how much the receiver's clock is ahead of the broker's, in milliseconds. */
const AHEAD = [0, 0, 5 * HOUR_MS, -5 * HOUR_MS, -400 * DAY_MS];

/** Which schedules, or the very one that a failure has named. */
export interface Chosen {
  runs: number;
  seed?: number | undefined;
  path?: string | undefined;
  /** Which of its commands could be done. */
  commands?: string | undefined;
  /** False: as it was found, without looking for a shorter one. */
  shrinks?: boolean;
}

export interface Failure extends Chosen {
  /** How many schedules it took. */
  runs: number;
  seed: number;
  path: string;
  commands: string;
  /** What is done in it, command by command. */
  schedule: string;
  error: Error;
}

export type Counts = Reference['counts'];

/** Plays schedules until one of them shows that something is not as it was promised. @returns the shortest of that kind */
export async function findFailure(
  library: Library,
  chosen: Chosen,
  add: (counts: Counts) => void = () => undefined,
): Promise<Failure | undefined> {
  const { runs, seed, path, shrinks = true } = chosen;
  const replayPath = chosen.commands;
  const schedules = fc.commands([commands], {
    maxCommands: MOST_COMMANDS,
    size: 'max',
    ...(replayPath !== undefined && { replayPath }),
  });
  const property = fc.asyncProperty(fc.constantFrom(...AHEAD), schedules, async (aheadMs, schedule) => {
    const model = new Reference();
    await library.begin(aheadMs);
    await fc.asyncModelRun(() => ({ model, real: library }), schedule);
    await comeToRest(model, library);
    add(model.counts);
  });
  const found = await fc.check(property, {
    numRuns: runs,
    endOnFailure: !shrinks,
    ...(seed !== undefined && { seed }),
    ...(path !== undefined && { path }),
  });
  if (!found.failed) return undefined;
  const [aheadMs, schedule] = found.counterexample!;
  const told = fc.stringify(schedule);
  return {
    runs: found.numRuns,
    seed: found.seed,
    path: found.counterexamplePath!,
    commands: /replayPath="(.*)"/.exec(told)![1]!,
    schedule: `the receiver's clock is ${aheadMs / HOUR_MS} hours ahead; ${told}`,
    error: found.errorInstance as Error,
  };
}

/** What is wrong, how it came to that, and how to have it again. */
export function describeFailure(engine: string, { seed, path, commands, schedule, error }: Failure): string {
  return [
    error.message,
    schedule,
    `again: MQ_TEST_ENGINES=${engine} MQ_TEST_MODEL_SEED=${seed} MQ_TEST_MODEL_PATH=${path} MQ_TEST_MODEL_COMMANDS='${commands}' npm test -- test/forgetting/model`,
  ].join('\n');
}
