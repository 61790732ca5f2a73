import type { INestApplicationContext } from '@nestjs/common';
import { DeliveriesHandedOut } from '../harness/handed-out.js';
import { MqTestHarness } from '../harness/mq-test-harness.js';
import { runtimeOf } from '../harness/runtime-of.js';
import { type BrokenPoint, CrashMatrixError } from './crash-matrix.error.js';
import { pointsOf } from './matrix-points.js';
import { type MatrixRun, MatrixRuns, type RunOutcome } from './matrix-run.js';
import { ProbedScopes } from './probed-scopes.js';

export interface CrashMatrixOptions<Observed = unknown> {
  /**
   * Has the app publish what its handlers are to handle, for a business act that `run.id` names: as a payment's id, say. It
   * is called once for each run, and twice with the same id to see what a repeat does; of those, one may be refused.
   */
  publish: (run: MatrixRun) => Promise<unknown>;
  /**
   * What there is in the end of that act, wherever its effects are: rows, mails that were sent. Without what differs each
   * time, such as generated ids and times; `run.id` may be part of it.
   */
  observe: (run: MatrixRun) => Promise<Observed> | Observed;
  /** Of the instance: `forRoot({ name })`. @default the one without a name */
  name?: string;
  /** How long a run may take until nothing is on its way, in milliseconds. @default 10000 */
  timeoutMs?: number;
}

export interface CrashMatrixReport {
  /** The points that the handlers went through, in words. */
  readonly passed: readonly string[];
}

const UNDISTURBED = 'nothing at all (the undisturbed run)';
const ANOTHER = 'nothing at all, with another id';

/**
 * Runs the app's own idempotent handlers through every point at which they may be cut off: before and after each statement,
 * at the COMMIT, with errors, deadlocks, lost leases and duplicates. Each time, what `observe` returns in the end must be
 * what it returns after an undisturbed run.
 *
 * @param app a Nest app or a TestingModule, after `init()`, which does nothing else meanwhile
 * @returns the points that they went through
 * @throws CrashMatrixError saying which points broke what
 */
export async function crashMatrix<Observed>(
  app: INestApplicationContext,
  { publish, observe, name, timeoutMs = 10_000 }: CrashMatrixOptions<Observed>,
): Promise<CrashMatrixReport> {
  const runtime = runtimeOf(app, name);
  const harness = new MqTestHarness(app, { ...(name !== undefined && { name }) });
  const handedOut = new DeliveriesHandedOut(runtime);
  const scopes = new ProbedScopes(runtime);
  const runs = new MatrixRuns(harness, runtime, scopes, { publish, observe }, timeoutMs);
  try {
    const reference = await runs.run({ isOneByOne: true });
    refuse(UNDISTURBED, problemOfUndisturbed(reference));
    refuse(ANOTHER, problemOfAnother(reference, await runs.run({ isOneByOne: true })));
    const place = {
      isSqlite: runtime.connections.database.dialect.engine === 'sqlite',
      isOneDatabase: runtime.transport.colocated !== undefined,
    };
    const passed: string[] = [UNDISTURBED, ANOTHER];
    const broken: BrokenPoint[] = [];
    for (const point of pointsOf(reference.probes, place, runtime, handedOut)) {
      let isStruck = false;
      const disturbance = point.disturb(() => (isStruck = true));
      const { isPublishedTwice = false } = point;
      const outcome = await runs
        .run(disturbance, { isPublishedTwice })
        .catch((error: unknown) => ({ error }));
      const problem = problemOf(outcome, reference, isStruck);
      if (problem === undefined) passed.push(point.name);
      else broken.push({ point: point.name, problem: `${problem}\n${point.advice}` });
    }
    if (broken.length > 0) throw new CrashMatrixError(broken, passed);
    return { passed };
  } finally {
    scopes.close();
  }
}

function refuse(point: string, problem: string | undefined): void {
  if (problem !== undefined) throw new CrashMatrixError([{ point, problem }], []);
}

function problemOfUndisturbed({ probes, failures, misuse }: RunOutcome): string | undefined {
  const wrong = [...new Set([...failures, ...misuse])];
  if (wrong.length > 0) return `A handler failed: ${wrong.join('\n')}`;
  if (probes.length > 0) return undefined;
  return 'No idempotent handler ran. publish must publish what an @IdempotentConsumer of this app handles, each time with another biz-id: use run.id.';
}

function problemOfAnother(first: RunOutcome, second: RunOutcome): string | undefined {
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
    `Two undisturbed runs differ: observe returned ${second.observed} after ${first.observed}. ` +
    'It must look at what belongs to run.id alone, and leave out what differs each time, such as generated ids and times.'
  );
}

function problemOf(
  outcome: RunOutcome | { error: unknown },
  reference: RunOutcome,
  isStruck: boolean,
): string | undefined {
  if ('error' in outcome) return `The run failed: ${String(outcome.error)}`;
  if (!isStruck) return 'It never came to this: the handler took another way than in the undisturbed run.';
  const differs = outcome.observed !== reference.observed;
  const lines = [
    ...(differs ? [`observe returned ${outcome.observed}; undisturbed, ${reference.observed}.`] : []),
    ...outcome.misuse,
  ];
  return lines.length > 0 ? lines.join('\n') : undefined;
}
