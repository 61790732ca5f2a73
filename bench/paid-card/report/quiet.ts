import type { Results } from '../results.js';

/** Of two cores, before the bench began. */
const MOST_LOAD = 2.5;
/** Of a core, while a contestant played its round. */
const MOST_FOREIGN = 0.25;

/** Why figures are no result: somebody else was at work on the machine. */
export function whyNotQuiet({ machine, contestants }: Results): string[] {
  const reasons: string[] = [];
  if (machine.loadAverage > MOST_LOAD)
    reasons.push(`the load average was ${machine.loadAverage.toFixed(1)} before it began`);
  const disturbed = contestants
    .flatMap(({ rounds }) => rounds)
    .filter((round) => round && round.foreignLoad > MOST_FOREIGN);
  if (disturbed.length > 0)
    reasons.push(`in ${disturbed.length} rounds, others took more than ${MOST_FOREIGN} of a core`);
  return reasons;
}
