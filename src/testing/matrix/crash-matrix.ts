import type { INestApplicationContext } from '@nestjs/common';
import { MqTestHarness } from '../harness/mq-test-harness.js';
import { type BrokenPoint, CrashMatrixError } from './crash-matrix.error.js';
import { LateStatements } from './late-statements.js';
import { type CrashMatrixOptions, checkMatrixOptions, refuseIfNothingConsumes } from './matrix-options.js';
import { type MatrixPoint, leftOutOf, pointsOf } from './matrix-points.js';
import { MatrixRuns, type RunOutcome, UnfinishedRunError } from './matrix-run.js';
import { ProbedScopes } from './probed-scopes.js';
import { runtimeOf } from '../harness/runtime-of.js';
import {
  problemOfAnother,
  problemOfBlindness,
  problemOfFailedRun,
  problemOfRun,
  problemOfUndisturbed,
  problemsOfLateness,
} from './verdicts.js';

export interface CrashMatrixReport {
  /** The points that the handlers went through, in words. */
  readonly passed: readonly string[];
  /** What was not tried, and why, in words. */
  readonly leftOut: readonly string[];
}

const UNDISTURBED = 'nothing at all (the undisturbed run)';
const ANOTHER = 'nothing at all, with another id';
const LATER = 'nothing at all, some time later';

/**
 * Runs the app's own idempotent handlers through every point at which they may be cut off: before and after each statement,
 * at the COMMIT, with errors, deadlocks, lost leases and duplicates. Each time, what `observe` returns in the end must be
 * what it returns after an undisturbed run.
 *
 * @param app a Nest app or a TestingModule, after `init()`, which does nothing else meanwhile
 * @returns the points that they went through
 * @throws CrashMatrixError saying which points broke what
 * @throws ConfigurationError, InvalidOptionError before the first run
 */
export async function crashMatrix<Observed>(
  app: INestApplicationContext,
  options: CrashMatrixOptions<Observed>,
): Promise<CrashMatrixReport> {
  const { publish, observe, name, timeoutMs } = checkMatrixOptions(options);
  const runtime = runtimeOf(app, name);
  refuseIfNothingConsumes(app, runtime);
  const scopes = new ProbedScopes(runtime);
  const lateStatements = new LateStatements(runtime);
  const harness = new MqTestHarness(app, { ...(name !== undefined && { name }) });
  try {
    const runs = new MatrixRuns(harness, runtime, scopes, { publish, observe }, timeoutMs);
    const reference = await undisturbed(UNDISTURBED, runs, problemOfUndisturbed);
    const another = await undisturbed(ANOTHER, runs, (second) => problemOfAnother(reference, second));
    refuse(UNDISTURBED, problemOfBlindness(reference, await runs.observeNothing()));
    const place = {
      isSqlite: runtime.connections.database.dialect.engine === 'sqlite',
      isOneDatabase: runtime.transport.colocated !== undefined,
    };
    const findings = new Findings([UNDISTURBED, ANOTHER], leftOutOf(reference.probes, place));
    await tryAll(pointsOf(reference.probes, place, runtime, harness.handedOut), runs, reference, findings);
    const late = lateStatements.of([...reference.probes, ...another.probes]);
    const isLater = await runs.observe(reference.run);
    for (const problem of problemsOfLateness(reference, isLater, late)) findings.broke(LATER, problem);
    return findings.report();
  } finally {
    for (const part of [harness, lateStatements, scopes]) part.close();
  }
}

/** What all others are compared with: without it there is no matrix. */
async function undisturbed(
  point: string,
  runs: MatrixRuns<unknown>,
  problemOf: (outcome: RunOutcome) => string | undefined,
): Promise<RunOutcome> {
  const outcome = await runs.run({ isOneByOne: true }).catch((error: unknown) => {
    throw new CrashMatrixError([{ point, problem: problemOfFailedRun(error) }], [], { cause: error });
  });
  refuse(point, problemOf(outcome));
  return outcome;
}

function refuse(point: string, problem: string | undefined): void {
  if (problem !== undefined) throw new CrashMatrixError([{ point, problem }], []);
}

async function tryAll(
  points: readonly MatrixPoint[],
  runs: MatrixRuns<unknown>,
  reference: RunOutcome,
  findings: Findings,
): Promise<void> {
  for (const [i, point] of points.entries()) {
    let isStruck = false;
    const disturbance = point.disturb(() => (isStruck = true));
    try {
      const outcome = await runs.run(disturbance);
      isStruck ||= point.hasStruck?.(outcome, reference) ?? false;
      const problem = problemOfRun(outcome, reference, isStruck || point.whyMissed !== undefined);
      if (problem !== undefined) findings.broke(point.name, `${problem}\n${point.advice}`);
      else if (isStruck) findings.passed.push(point.name);
      else findings.leftOut.push(`${point.name}: ${point.whyMissed!(outcome)}`);
    } catch (error) {
      findings.broke(point.name, problemOfFailedRun(error));
      if (!(error instanceof UnfinishedRunError)) continue;
      const left = points.length - i - 1;
      if (left > 0) findings.leftOut.push(`the ${left} points behind it: that run did not come to its end`);
      return;
    }
  }
}

class Findings {
  private readonly broken: BrokenPoint[] = [];

  constructor(
    readonly passed: string[],
    readonly leftOut: string[],
  ) {}

  broke(point: string, problem: string): void {
    this.broken.push({ point, problem });
  }

  report(): CrashMatrixReport {
    const { broken, passed, leftOut } = this;
    if (broken.length > 0) throw new CrashMatrixError(broken, passed, { leftOut });
    return { passed, leftOut };
  }
}
