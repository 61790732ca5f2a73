import { randomBytes } from 'node:crypto';
import { type IdempotentMqErrorCode, describeError } from '../../errors/index.js';
import type { IdempotentMqEvent } from '../../events/index.js';
import { type MqTestHarness } from '../harness/mq-test-harness.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import { isWaiting } from '../statements/is-waiting.js';
import { noLongerThan } from './no-longer-than.js';
import { textOf } from './observed.js';
import type { Probe } from './probe.js';
import type { Disturbance, ProbedScopes } from './probed-scopes.js';

/** One of the runs that a matrix consists of. */
export interface MatrixRun {
  /** No other run has it, nor does that of any other begin with it: `run-5f3c-0012`. What is published and observed is told apart by it. */
  readonly id: string;
}

export interface Observing<Observed> {
  publish: (run: MatrixRun) => Promise<unknown>;
  observe: (run: MatrixRun) => Promise<Observed> | Observed;
}

/** Something of the run still goes on, and would be in the way of the next one. */
export class UnfinishedRunError extends Error {}

export interface RunOutcome {
  readonly run: MatrixRun;
  /** What was observed, as text; the run's id is `<id>` in it. */
  readonly observed: string;
  /** Why `publish` was refused, where that was no failure. */
  readonly refusal: string | undefined;
  /** How many there were, each counted once, however often it came. */
  readonly deliveries: number;
  /** What went wrong in the handler, in its own words. */
  readonly failures: readonly string[];
  /** What can be said to be wrong with a handler, whatever befell it. */
  readonly misuse: readonly string[];
  /** Deliveries that were taken for repeats. */
  readonly absorbed: number;
  readonly probes: readonly Probe[];
}

/** Those of errors that no fault brings about. */
const MISUSE: ReadonlySet<string | undefined> = new Set<IdempotentMqErrorCode>([
  'UNSETTLED_QUERY',
  'OUTER_DATASOURCE',
  'MANUAL_TRANSACTION_CONTROL',
  'SCOPE_TORN',
  'HANDLER_CALLED_TWICE',
  'HANDLER_NOT_CALLED',
  'ACK_MISSING',
]);
/** Longer than any backoff of the defaults. Milliseconds. */
const JUMP_MS = 3_600_000;
/** So often the clock may have to jump until a run is through. */
const JUMPS = 6;

/** Publishes, has everything handled, however often it fails, and observes. */
export class MatrixRuns<Observed> {
  private readonly prefix = `run-${randomBytes(2).toString('hex')}`;
  private count = 0;

  constructor(
    private readonly harness: MqTestHarness,
    private readonly runtime: TestedRuntime,
    private readonly scopes: ProbedScopes,
    private readonly observing: Observing<Observed>,
    private readonly timeoutMs: number,
  ) {}

  /** @throws UnfinishedRunError when it did not come to its end */
  async run(disturbance: Disturbance): Promise<RunOutcome> {
    const run = this.next();
    const events: IdempotentMqEvent[] = [];
    const subscription = this.runtime.events.events$.subscribe((event) => events.push(event));
    const known = new Set((await this.harness.deadLetters({ limit: 1000 })).map(({ id }) => id));
    const { handedOut } = this.harness;
    const before = handedOut.count;
    this.scopes.begin(disturbance);
    try {
      const refusal = await this.call('publish', () => this.publish(run, disturbance));
      const left = await this.settle(known, () => events.length).catch((cause: unknown) => {
        // Not instanceof: Jest has an Error of its own, and Node's AssertionError is none of it.
        throw new UnfinishedRunError((cause as Partial<Error> | undefined)?.message ?? String(cause), {
          cause,
        });
      });
      const observed = await this.observe(run);
      const failures = events.flatMap((event) => failureOf(event) ?? []);
      const misuse = failures.filter(({ code }) => MISUSE.has(code)).map(({ error }) => error);
      return {
        run,
        observed,
        refusal,
        deliveries: handedOut.count - before,
        failures: failures.map(({ error }) => error),
        misuse: [...new Set([...misuse, ...left])],
        absorbed: events.filter(({ type }) => type === 'duplicate-absorbed').length,
        probes: this.scopes.probes,
      };
    } finally {
      subscription.unsubscribe();
    }
  }

  /** What there is of a run, now. */
  async observe(run: MatrixRun): Promise<string> {
    return textOf(await this.call('observe', () => this.observing.observe(run)), run.id);
  }

  /** What `observe` returns of an act that never was; undefined: it threw, as where a row is required. */
  async observeNothing(): Promise<string | undefined> {
    return this.observe(this.next()).catch(() => undefined);
  }

  private next(): MatrixRun {
    return { id: `${this.prefix}-${String(++this.count).padStart(4, '0')}` };
  }

  /** Calls what the test has given, and names it in what it throws. */
  private async call<T>(name: keyof Observing<Observed>, work: () => T | Promise<T>): Promise<T> {
    let isOver = false;
    const working = (async () => work())().finally(() => (isOver = true));
    await noLongerThan(
      this.timeoutMs,
      working.catch(() => undefined),
    );
    if (!isOver) throw new UnfinishedRunError(`${name} has not returned after ${this.timeoutMs} ms.`);
    return working.catch((cause: unknown) => {
      throw new Error(`${name} threw ${describeError(cause)}`, { cause });
    });
  }

  /** @returns why a sender that repeats itself was refused */
  private async publish(run: MatrixRun, disturbance: Disturbance): Promise<string | undefined> {
    const publish = async () => this.observing.publish(run);
    if (disturbance.publish) return disturbance.publish(publish);
    await publish();
    return undefined;
  }

  /** @returns what was given up, in words: a failure that costs the last attempt is requeued, as an operator would */
  private async settle(known: ReadonlySet<string>, eventsSeen: () => number): Promise<string[]> {
    const requeued = new Set<string>();
    for (let jumps = 0; ; jumps++) {
      await this.harness.drain({ timeoutMs: this.timeoutMs });
      const before = eventsSeen();
      const dead = (await this.harness.deadLetters({ limit: 1000 })).filter(({ id }) => !known.has(id));
      const again = dead.filter(({ id, reason }) => reason === 'failed' && !requeued.has(id));
      for (const { id } of again) {
        requeued.add(id);
        await this.runtime.operated.deadLetters.requeue(id);
      }
      const waits = again.length > 0 || (await this.isWaiting());
      // What came due in between was neither on its way for the one, nor waiting for the other.
      if (!waits) await this.harness.drain({ timeoutMs: this.timeoutMs });
      if (!waits && eventsSeen() > before) continue;
      if (!waits || jumps >= JUMPS) {
        const late = waits ? [`it was not through after ${JUMPS} hours of retries`] : [];
        return [
          ...dead.map(({ reason, errors }) => `a dead letter (${reason}): ${errors.at(-1)?.error}`),
          ...late,
        ];
      }
      await this.harness.jumpClock(JUMP_MS);
    }
  }

  private async isWaiting(): Promise<boolean> {
    const { brokerConnections: broker, connections: app, outbox } = this.runtime;
    const scheduled = outbox
      ? await app.control((on) => isWaiting(app.database, on, ['outbox_scheduled']))
      : false;
    return (
      scheduled ||
      (await broker.control((on) => isWaiting(broker.database, on, ['waiting', 'delivery_keyed'])))
    );
  }
}

function failureOf(event: IdempotentMqEvent): { error: string; code?: string | undefined } | undefined {
  if (event.type === 'dead-lettered') return event;
  return event.type === 'retry-scheduled' && !event.requested ? event : undefined;
}
