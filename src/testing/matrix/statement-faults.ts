import { connectionLost, deadlock, lockWaitTimeout, statementFailed } from './injected-errors.js';
import { failLate, holdBack } from './hold-back.js';
import type { Probe, Statement } from './probe.js';

/** What a fault can use. */
export interface FaultContext {
  probe: Probe;
  statement: Statement;
  /** Sends the statement. */
  run: () => Promise<unknown>;
  /** Has the broker give this delivery to somebody else. @returns whether it did */
  loseLease: () => Promise<boolean>;
}

export interface StatementFault {
  /** `… the process dies before it` */
  readonly what: string;
  /** What to look for in the handler when the outcome is another one. */
  readonly advice: string;
  readonly applies: (statement: Statement, place: Place) => boolean;
  /** What has to come about first. @returns whether it did: without it nothing is struck */
  readonly prepare?: (context: FaultContext) => Promise<boolean>;
  readonly strike: (context: FaultContext) => Promise<unknown>;
}

/** Where the app under test keeps what. */
export interface Place {
  readonly isSqlite: boolean;
  readonly isOneDatabase: boolean;
}

const OUTSIDE =
  "What came twice, or stayed behind, was not part of the delivery's transaction: a mail, an HTTP call, a statement on another connection or DataSource. " +
  'Write with delivery.manager; what is no row, publish from the handler as a message of its own, for an @AtLeastOnceConsumer. ' +
  'What is missing was taken for done by something that was not rolled back: a field, a cache in memory. Keep that in the database, or change it after the COMMIT.';
const SWALLOWED =
  'The handler went on after an error, so part of its effect is missing: let the error through, or undo what goes with it.';
const AWAIT = 'A promise of the handler is not awaited: await each statement, or Promise.all of them.';

const isCommit = ({ sql }: Statement) => /^\s*COMMIT\b/i.test(sql);
const isHandlers = ({ isHandlers }: Statement) => isHandlers;
const onServers = (statement: Statement, { isSqlite }: Place) => statement.isHandlers && !isSqlite;

/** The process is gone: its connection with it, and what the handler would have done next. */
function die({ probe, statement }: FaultContext): Promise<never> {
  const error = connectionLost(statement.sql, probe.engine);
  probe.closeConnection();
  if (!statement.isHandlers) return Promise.reject(error);
  probe.abandon(error);
  return new Promise<never>(() => undefined);
}

export const STATEMENT_FAULTS: readonly StatementFault[] = [
  {
    what: 'the process dies before it',
    advice: OUTSIDE,
    applies: () => true,
    strike: die,
  },
  {
    what: 'the process dies after it',
    advice: OUTSIDE,
    applies: (statement) => !isCommit(statement),
    strike: async (context) => {
      await context.run();
      return die(context);
    },
  },
  {
    what: 'its answer is lost, though it has committed',
    advice: OUTSIDE,
    applies: isCommit,
    strike: async (context) => {
      await context.run();
      return die(context);
    },
  },
  {
    what: 'its connection is lost, and the handler gets the error',
    advice: OUTSIDE,
    applies: isHandlers,
    strike: async ({ probe, statement }) => {
      probe.closeConnection();
      return failLate(probe, statement, connectionLost(statement.sql, probe.engine));
    },
  },
  {
    what: 'it fails, and the handler gets the error',
    advice: `${SWALLOWED} ${OUTSIDE}`,
    applies: isHandlers,
    strike: async ({ probe, statement }) => {
      await probe.afterError();
      return failLate(probe, statement, statementFailed(statement.sql, probe.engine));
    },
  },
  {
    what: 'a deadlock (1213) rolls its transaction back',
    advice: OUTSIDE,
    applies: onServers,
    strike: async ({ probe, statement }) => {
      await probe.afterDeadlock();
      return failLate(probe, statement, deadlock(statement.sql, probe.engine));
    },
  },
  {
    what: 'it waits too long for a lock (1205)',
    advice: OUTSIDE,
    applies: onServers,
    strike: async ({ probe, statement }) => {
      await probe.afterError();
      return failLate(probe, statement, lockWaitTimeout(statement.sql, probe.engine));
    },
  },
  {
    what: 'the lease is lost before it, and the delivery handed out again',
    advice: OUTSIDE,
    // The one writer of SQLite is the handler: nobody could hand out anything.
    applies: (statement, { isSqlite, isOneDatabase }) => statement.isHandlers && !(isSqlite && isOneDatabase),
    prepare: ({ loseLease }) => loseLease(),
    strike: ({ run }) => run(),
  },
  {
    what: 'its answer comes late',
    advice: AWAIT,
    applies: isHandlers,
    strike: async ({ probe, statement, run }) => {
      const answer = await run();
      await holdBack(probe, statement);
      return answer;
    },
  },
];
