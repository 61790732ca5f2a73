import { QueryFailedError, type QueryRunner } from 'typeorm';
import type { SqliteConnections } from '../../src/storage/sqlite/index.js';
import { Simulation } from './simulation.js';

type Query = (sql: string, parameters?: unknown[], structured?: boolean) => Promise<unknown>;

interface Session {
  rollback(): void;
}

/**
 * Each statement of each query runner waits on the agenda for its answer, and faults come between. It is done at once: how
 * long it is on its way there makes no difference, since the answer to the one before it may take any time. A runner
 * belongs to the actor that made it, and is released when that dies, which rolls back what it had open.
 */
export function gateRunners(connections: SqliteConnections, database: string): void {
  const create = connections.createBareRunner.bind(connections);
  /** One string for each statement: the trace looks it up. */
  const labels = new Map<string, string>();
  const labelOf = (sql: string): string => {
    const label = labels.get(sql) ?? `${database}: ${sql}`;
    labels.set(sql, label);
    return label;
  };
  connections.createBareRunner = (purpose) => {
    const runner = create(purpose);
    return Simulation.current ? gated(runner, labelOf, Simulation.current) : runner;
  };
}

function gated(runner: QueryRunner, labelOf: (sql: string) => string, simulation: Simulation): QueryRunner {
  const actor = simulation.running;
  const { faults } = simulation;
  const query = runner.query.bind(runner) as Query;
  const release = runner.release.bind(runner);
  const { session } = runner as unknown as { session: Session };
  const dontRelease = actor.atDeath(() => void release());
  let isBroken = false;
  /** The statements of a connection come one after the other. */
  let line: Promise<unknown> = Promise.resolve();

  const breakConnection = (sql: string): QueryFailedError => {
    isBroken = true;
    session.rollback();
    return connectionLost(sql);
  };

  const statement: Query = async (sql, parameters, structured) => {
    if (isBroken) throw connectionLost(sql);
    const isCommit = sql === 'COMMIT';
    if (isCommit && faults.hits('COMMIT lost')) throw breakConnection(sql);
    if (!isCommit && faults.hits('contention')) throw contention(sql);
    const isLost = !isCommit && faults.hits('connection lost');
    if (isLost && simulation.chance.chance(0.5)) throw breakConnection(sql);
    let result: unknown;
    try {
      result = await query(sql, parameters, structured);
    } catch (error) {
      await simulation.pass(`refused, ${labelOf(sql)}`, actor);
      throw error;
    }
    if (isLost || (isCommit && faults.hits('answer of a COMMIT lost'))) {
      const lost = breakConnection(sql);
      await simulation.pass(`lost, ${labelOf(sql)}`, actor);
      throw lost;
    }
    await simulation.pass(labelOf(sql), actor);
    return result;
  };

  return Object.assign(runner, {
    query: (...args: Parameters<Query>) => {
      const answer = line.then(() => statement(...args));
      line = answer.catch(() => undefined);
      return answer;
    },
    release: async () => {
      dontRelease();
      await release();
    },
  });
}

function connectionLost(sql: string): QueryFailedError {
  const error = Object.assign(new Error('The connection was lost.'), {
    code: 'PROTOCOL_CONNECTION_LOST',
    fatal: true,
  });
  return new QueryFailedError(sql, [], error);
}

function contention(sql: string): QueryFailedError {
  return new QueryFailedError(
    sql,
    [],
    Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' }),
  );
}
