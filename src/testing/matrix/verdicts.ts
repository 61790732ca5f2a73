import { describeError } from '../../errors/index.js';
import { shown } from './observed.js';
import { type RunOutcome, UnfinishedRunError } from './matrix-run.js';

/*
 * What is wrong with a run, in words, with what to do about it; undefined: nothing.
 */

export function problemOfUndisturbed({ probes, failures, misuse }: RunOutcome): string | undefined {
  const wrong = [...new Set([...failures, ...misuse])];
  if (wrong.length > 0) return `A handler failed: ${wrong.join('\n')}`;
  if (probes.length > 0) return undefined;
  return (
    'No idempotent handler ran. publish must publish what an @IdempotentConsumer of this app handles, each time with another biz-id: use run.id. ' +
    'If it does: is the class of the handler among the providers of a module (the log of the start says "Consuming: …"), and is its group not paused?'
  );
}

export function problemOfAnother(first: RunOutcome, second: RunOutcome): string | undefined {
  if (second.absorbed > 0) {
    return (
      'What was published for another act was taken for a repeat of the first, and its effect is missing. ' +
      "The biz-id is made of the wrong field, one that both have in common: the topic's bizId must name the business act (a payment's id, not its user's). " +
      'If it does, publish ignores run.id.'
    );
  }
  const problem = problemOfUndisturbed(second);
  if (problem !== undefined) return problem;
  if (first.observed === second.observed) return undefined;
  return (
    `Two undisturbed runs differ: observe returned ${shown(second.observed)} after ${shown(first.observed)}. ` +
    'It must look at what belongs to run.id alone, and leave out what differs each time, such as generated ids and times.'
  );
}

/** Nobody would see an effect that is missing, or there twice. */
export function problemOfBlindness(
  { observed }: RunOutcome,
  ofNothing: string | undefined,
): string | undefined {
  if (observed === 'true' || observed === 'false') {
    return (
      `observe returned ${observed}, which is the same for one effect and for two: it must count, or return the rows. ` +
      'Of a state that nothing can have twice, return it by its name: { isPaid: true }.'
    );
  }
  if (observed !== ofNothing) return undefined;
  return (
    `observe sees nothing of what was published: it returned ${shown(observed)}, and the same for an act that never was. ` +
    'It must return (a missing return?) what the handlers have written for run.id.'
  );
}

export function problemOfRun(
  outcome: RunOutcome,
  reference: RunOutcome,
  isStruck: boolean,
): string | undefined {
  if (!isStruck) return 'It never came to this: the handler took another way than in the undisturbed run.';
  const differs = outcome.observed !== reference.observed;
  const lines = [
    ...(differs
      ? [`observe returned ${shown(outcome.observed)}; undisturbed, ${shown(reference.observed)}.`]
      : []),
    ...outcome.misuse,
  ];
  return lines.length > 0 ? lines.join('\n') : undefined;
}

export function problemOfFailedRun(error: unknown): string {
  if (!(error instanceof UnfinishedRunError))
    return `The run failed: ${error instanceof Error ? error.message : describeError(error)}`;
  return (
    `The run did not come to its end. ${error.message}\n` +
    'Give what a handler waits for a time limit (delivery.signal), and end what holds a lock or a connection; or raise timeoutMs.'
  );
}

/** What comes when a run was over belongs to no transaction: it is lost in a crash, or not undone. */
export function problemsOfLateness(
  { observed }: RunOutcome,
  later: string,
  lateStatements: readonly string[],
): string[] {
  const advice =
    'Something of the handler goes on when it has returned: a timer, or a promise that is not awaited. Await it; ' +
    'what is to come later, publish from the handler as a message of its own (delayMs).';
  return [
    ...lateStatements.map((message) => `${message}\n${advice}`),
    ...(later === observed
      ? []
      : [
          `What observe returned for the undisturbed run has changed since, from ${shown(observed)} to ${shown(later)}.\n${advice}`,
        ]),
  ];
}
