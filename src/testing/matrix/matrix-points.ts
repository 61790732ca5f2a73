import type { DeliveriesHandedOut } from '../harness/handed-out.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import { noLongerThan } from './no-longer-than.js';
import type { Probe, Statement } from './probe.js';
import type { Disturbance } from './probed-scopes.js';
import { type Place, STATEMENT_FAULTS } from './statement-faults.js';

/** One way to disturb a run. */
export interface MatrixPoint {
  /** `CardIssuing.issue (…), statement 2 of 4 (INSERT INTO card …): the process dies after it` */
  readonly name: string;
  readonly advice: string;
  readonly isPublishedTwice?: boolean;
  /** Where it need not happen though the handler is as it was: why it did not. */
  readonly mayMiss?: string;
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
    ...[...new Set(probes.map(({ consumer }) => consumer))].map((consumer) =>
      duplicateAtTheSameTime(consumer, handedOut),
    ),
    publishedTwice(),
    ...(probes.length > 1 && !place.isSqlite ? [sideBySide(probes.length)] : []),
  ];
}

/** What can't be tried here, and why. */
export function leftOutOf({ length: messages }: readonly Probe[], { isSqlite }: Place): string[] {
  const sideBySide = 'messages handled side by side, each up to its first write';
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
  { consumer, nth, statements }: Probe,
  place: Place,
  { transport }: TestedRuntime,
  handedOut: DeliveriesHandedOut,
): MatrixPoint[] {
  return statements.flatMap((statement) =>
    STATEMENT_FAULTS.filter(({ applies }) => applies(statement, place)).map(
      ({ what, advice, strike }): MatrixPoint => ({
        name: `${consumer}${nth > 0 ? `, message ${nth + 1}` : ''}, statement ${statement.number} of ${statements.length} (${shorten(statement.sql)}): ${what}`,
        advice,
        disturb(onStruck) {
          let isOver = false;
          const isIt = (probe: Probe, { number }: Statement) =>
            !isOver && probe.consumer === consumer && probe.nth === nth && number === statement.number;
          return {
            statement(probe, present, run) {
              if (!isIt(probe, present)) return run();
              isOver = true;
              onStruck();
              const loseLease = async () => {
                const { failures, lostLeases, errors, ...lease } = handedOut.ofScope(probe.scope)!;
                await transport.retryLater(lease, { failures, lostLeases, errors }, 0);
              };
              return strike({ probe, statement: present, run, loseLease });
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
    disturb(onStruck) {
      let first: string | undefined;
      let bothAreThere!: () => void;
      const both = new Promise<void>((resolve) => (bothAreThere = resolve));
      return {
        async beforeBegin(scope) {
          if (first === undefined && scope.startsWith(`${consumer} for `)) {
            first = scope;
            await handedOut.copy(handedOut.ofScope(scope)!);
            onStruck();
            await noLongerThan(COMPANY_MS, both);
          } else if (scope === first) {
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
    isPublishedTwice: true,
    disturb(onStruck) {
      onStruck();
      return {};
    },
  };
}

/** Each has read what it reads when the first one writes. */
function sideBySide(count: number): MatrixPoint {
  return {
    name: `${count} messages are handled side by side, each up to its first write`,
    advice:
      'Something is read, and written later as if nobody had changed it meanwhile. Lock it where it is read (lock: pessimistic_write), ' +
      'or change it in one statement (SET balance = balance + ?); a read outside of the transaction proves nothing.',
    mayMiss: 'no two were there at the same time (an ordering key, concurrency: 1, or no write)',
    disturb(onStruck) {
      const under = new Set<Probe>();
      let arrived = 0;
      let allAreThere!: () => void;
      const all = new Promise<void>((resolve) => (allAreThere = resolve));
      return {
        async statement(probe, { isFirstWrite }, run) {
          under.add(probe);
          void probe.ended.then(() => under.delete(probe));
          if (isFirstWrite) {
            if (++arrived === count) allAreThere();
            await noLongerThan(COMPANY_MS, all);
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
