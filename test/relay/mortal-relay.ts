/**
 * A relay's process, for a test that kills it: with the two databases' options in MQ_MORTAL, and at which of its statements
 * and COMMITs it dies, in the outbox's database or the broker's. It sends what there is, and says after how many steps.
 */
import 'reflect-metadata';
import type { Connection, LibraryConnections } from '../../src/storage/index.js';
import type { TestDatabase } from '../support/engines.js';
import { openBroker, openBusiness } from './parts.js';

export interface MortalOrders {
  business: Pick<TestDatabase, 'engine' | 'options'>;
  broker: Pick<TestDatabase, 'engine' | 'options'>;
  /** 0 for never. */
  diesAt: number;
  /** SIGKILL, or SIGSTOP for one that is frozen for ever. */
  signal: 'SIGKILL' | 'SIGSTOP';
  statementTimeoutMs: number;
}

const { business, broker, diesAt, signal, statementTimeoutMs } = JSON.parse(
  process.env.MQ_MORTAL!,
) as MortalOrders;
let steps = 0;

function step(): void {
  if (++steps !== diesAt) return;
  process.stdout.write('now\n');
  process.kill(process.pid, signal);
}

/** Dies before a statement or a COMMIT: after the one before it nothing else happens. */
function mortal(real: LibraryConnections): LibraryConnections {
  const counted = (on: Connection): Connection => ({
    ...(on.dataSource && { dataSource: on.dataSource }),
    query: (sql, parameters, structured) => {
      step();
      return on.query(sql, parameters, structured);
    },
  });
  return {
    ...real,
    database: real.database,
    control: (work) => real.control((on) => work(counted(on))),
    controlTransaction: (work, options) =>
      real.controlTransaction(async (on) => {
        const value = await work(counted(on));
        step();
        return value;
      }, options),
    scopeRunner: (request) => real.scopeRunner(request),
    allowSilence: (seconds) => real.allowSilence(seconds),
    oldestTransaction: () => real.oldestTransaction(),
    close: () => real.close(),
  };
}

async function main(): Promise<void> {
  const drop = () => Promise.resolve();
  const outbox = await openBusiness({ ...business, drop }, { statementTimeoutMs });
  const parts = await openBroker({ ...broker, drop }, { statementTimeoutMs });
  const relay = outbox.relay(parts.another({}, mortal(parts.connections)), {}, mortal(outbox.connections));
  const relayed = await relay.relayOnce();
  process.stdout.write(JSON.stringify({ relayed, steps }));
  await outbox.close();
  await parts.close();
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
