import type { ContestantResult, Results } from '../results.js';

/** Of two cores, before the bench began. */
const MOST_LOAD = 2.5;
/** Of a core, while a contestant played its round. */
const MOST_FOREIGN = 0.25;
/** Of all rounds, that may be left out. */
const MOST_LEFT_OUT = 0.1;

/** Somebody else was at work on the machine meanwhile. */
const isDisturbed = (round: ContestantResult['rounds'][number]) =>
  round !== null && round.foreignLoad > MOST_FOREIGN;

/** Which rounds count for nothing: `pg-boss, polling (round 4)`. */
export function leftOutOf({ contestants }: Results): string[] {
  return contestants.flatMap(({ label, rounds }) =>
    rounds.flatMap((round, i) => (isDisturbed(round) ? [`${label} (round ${i + 1})`] : [])),
  );
}

/** The same without the rounds that count for nothing. */
export function undisturbed(results: Results): Results {
  const contestants = results.contestants.map((contestant) => ({
    ...contestant,
    rounds: contestant.rounds.map((round) => (isDisturbed(round) ? null : round)),
  }));
  return { ...results, contestants };
}

/** Why figures are no result: somebody else was at work on the machine. */
export function whyNotQuiet(results: Results): string[] {
  const reasons: string[] = [];
  const { machine, contestants } = results;
  if (machine.loadAverage > MOST_LOAD)
    reasons.push(`the load average was ${machine.loadAverage.toFixed(1)} before it began`);
  const disturbed = leftOutOf(results).length;
  if (disturbed > MOST_LEFT_OUT * contestants.flatMap(({ rounds }) => rounds).length)
    reasons.push(`in ${disturbed} rounds, others took more than ${MOST_FOREIGN} of a core`);
  return reasons;
}
