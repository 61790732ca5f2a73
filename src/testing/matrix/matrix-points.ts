import { describeError } from '../../errors/index.js';
import type { ScopeDelivery } from '../../storage/index.js';
import type { DeliveriesHandedOut } from '../harness/handed-out.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import type { RunOutcome } from './matrix-run.js';
import { InStep } from './in-step.js';
import { noLongerThan } from './no-longer-than.js';
import type { Probe, Statement } from './probe.js';
import type { Disturbance } from './probed-scopes.js';
import { type Place, STATEMENT_FAULTS } from './statement-faults.js';

/** One way to disturb a run. */
export interface MatrixPoint {
  /** `CardIssuing.issue (…), statement 2 of 4 (INSERT INTO card …): the process dies after it` */
  readonly name: string;
  readonly advice: string;
  /** Where it need not happen though the handler is as it was: why it did not. */
  readonly whyMissed?: (outcome: RunOutcome) => string;
  /** Where the outcome tells whether it has happened. */
  readonly hasStruck?: (outcome: RunOutcome, reference: RunOutcome) => boolean;
  /** @param onStruck called when it has happened */
  disturb(onStruck: () => void): Disturbance;
}

/** How long one handler is held back until another one comes. Milliseconds. */
const COMPANY_MS = 1_000;
const SHOWN_SQL = 60;

/** All points of a handler, as its undisturbed run has shown it. */
export function pointsOf(
  probes: readonly Probe[],
  place: Place,
  runtime: TestedRuntime,
  handedOut: DeliveriesHandedOut,
): MatrixPoint[] {
  return [
    ...probes.flatMap((probe) => statementPoints(probe, place, runtime, handedOut)),
    ...[...new Set(probes.map(({ delivery }) => delivery.consumer))].map((consumer) =>
      duplicateAtTheSameTime(consumer, handedOut),
    ),
    publishedTwice(),
    ...(probes.length > 1 && !place.isSqlite ? [sideBySide(probes.length)] : []),
  ];
}

/** What can't be tried here, and why. */
export function leftOutOf({ length: messages }: readonly Probe[], { isSqlite }: Place): string[] {
  const sideBySide = 'messages handled side by side, write by write';
  return [
    ...(messages > 1
      ? []
      : [`${sideBySide}: a run publishes one alone; let it publish two that change the same row`]),
    ...(isSqlite
      ? [
          ...(messages > 1
            ? [`${sideBySide}: SQLite has one writer at a time; take the server that you run`]
            : []),
          'deadlocks and lock waits: SQLite has none',
        ]
      : []),
  ];
}

function statementPoints(
  { delivery: { consumer }, nth, statements }: Probe,
  place: Place,
  { transport }: TestedRuntime,
  handedOut: DeliveriesHandedOut,
): MatrixPoint[] {
  return statements.flatMap((statement) =>
    STATEMENT_FAULTS.filter(({ applies }) => applies(statement, place)).map(
      ({ what, advice, prepare, strike }): MatrixPoint => ({
        name: `${consumer}${nth > 0 ? `, message ${nth + 1}` : ''}, statement ${statement.number} of ${statements.length} (${shorten(statement.sql)}): ${what}`,
        advice,
        disturb(onStruck) {
          let isOver = false;
          const isIt = (probe: Probe, { number }: Statement) =>
            !isOver &&
            probe.delivery.consumer === consumer &&
            probe.nth === nth &&
            number === statement.number;
          return {
            async statement(probe, present, run) {
              if (!isIt(probe, present)) return run();
              isOver = true;
              const loseLease = () => {
                const { failures, lostLeases, errors, ...lease } = handedOut.last(probe.delivery)!;
                return transport.retryLater(lease, { failures, lostLeases, errors }, 0);
              };
              const context = { probe, statement: present, run, loseLease };
              if (prepare && !(await prepare(context))) return run();
              onStruck();
              return strike(context);
            },
          };
        },
      }),
    ),
  );
}

/** Before either begins, so that they race for the dedup row. */
function duplicateAtTheSameTime(consumer: string, handedOut: DeliveriesHandedOut): MatrixPoint {
  return {
    name: `${consumer}: the same biz-id is delivered twice at the same time`,
    advice: 'Something of the handler happens before its transaction, or outside of it.',
    whyMissed: () =>
      `the second one did not come within ${COMPANY_MS} ms, while the first one waited for it (an ordering key, or concurrency: 1)`,
    disturb(onStruck) {
      let first: ScopeDelivery | undefined;
      let isOver = false;
      let bothAreThere!: () => void;
      const both = new Promise<void>((resolve) => (bothAreThere = resolve));
      return {
        async beforeBegin(delivery) {
          if (delivery.consumer !== consumer) return;
          if (first === undefined) {
            first = delivery;
            await handedOut.copy(handedOut.last(delivery)!);
            await noLongerThan(COMPANY_MS, both);
            isOver = true;
          } else if (delivery.bizId === first.bizId && !isOver) {
            onStruck();
            bothAreThere();
          }
        },
      };
    },
  };
}

function publishedTwice(): MatrixPoint {
  return {
    name: 'the same is published twice, as by a client that repeats its request',
    advice:
      "The biz-id is made of the wrong field: it must name the business act, and be the same each time that this is published (see the topic's bizId). " +
      'If observe counts what the publisher itself writes, the publisher must refuse a repeat (a unique key).',
    // Not that publish has returned: it may have looked whether it had been there before.
    hasStruck: ({ deliveries }, reference) => deliveries > reference.deliveries,
    whyMissed: ({ refusal }) =>
      refusal === undefined
        ? 'publish published nothing the second time'
        : `publish refused the second one (${refusal})`,
    disturb: () => ({
      async publish(publish) {
        const [first, second] = await Promise.allSettled([publish(), publish()]);
        if (first.status === 'rejected' && second.status === 'rejected') throw first.reason;
        const refused = [first, second].find((outcome) => outcome.status === 'rejected');
        return refused && describeError(refused.reason);
      },
    }),
  };
}

/** Each has read what it reads before a write when the first one does that write. */
function sideBySide(count: number): MatrixPoint {
  return {
    name: `${count} messages are handled side by side, write by write`,
    advice:
      'Something is read, and written later as if nobody had changed it meanwhile. Lock it where it is read (lock: pessimistic_write), ' +
      'or change it in one statement (SET balance = balance + ?); a read outside of the transaction proves nothing.',
    whyMissed: () => 'no two were there at the same time (an ordering key, concurrency: 1, or no write)',
    disturb(onStruck) {
      const under = new Set<Probe>();
      const inStep = new InStep(count, COMPANY_MS);
      return {
        async statement(probe, { write }, run) {
          under.add(probe);
          void probe.ended.then(() => under.delete(probe));
          if (write > 0) {
            await inStep.take(write);
            // Another one may stand at a lock that this one has, and not come that far.
            if (under.size > 1) onStruck();
          }
          return run();
        },
      };
    },
  };
}

function shorten(sql: string): string {
  const line = sql.replace(/\s+/g, ' ').trim();
  return line.length > SHOWN_SQL ? `${line.slice(0, SHOWN_SQL)}…` : line;
}
