/**
 * `npm test [-- jest arguments]`: starts the servers, runs Jest on them, stops them, and closes with
 * the line `N passed, N failed, N skipped`.
 *
 * MQ_TEST_ENGINES (e.g. `sqlite,mariadb`) names the engines: all but PostgreSQL unless given. MQ_TEST_MARIADB_URL,
 * MQ_TEST_MYSQL_URL, MQ_TEST_POSTGRES_URL, MQ_TEST_RABBITMQ_URL and MQ_TEST_JETSTREAM_URL name servers to use instead of
 * starting some.
 */
import { startServers } from '../test/servers/index.mjs';
import { banner } from './test-run/banner.mjs';
import { chooseEngines, serverEngines } from './test-run/engine-choice.mjs';
import { testEnvironment } from './test-run/environment.mjs';
import { interruption } from './test-run/interruption.mjs';
import { runJest } from './test-run/jest.mjs';
import { useMemoryForTemporaryFiles } from './test-run/memory-temp.mjs';
import { sqliteProblem } from './test-run/sqlite.mjs';
import { closingLine, countMissingEngine, tallyOf } from './test-run/tally.mjs';

/** @typedef {import('./test-run/engine-choice.mjs').TestEngine} TestEngine */

/** A CI run without these would be green and prove nothing; MySQL isn't in Debian's stable releases. */
const REQUIRED_IN_CI = ['sqlite', 'mariadb'];
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

const { signal, exitStatus } = interruption();
useMemoryForTemporaryFiles();

try {
  const engines = chooseEngines(process.env.MQ_TEST_ENGINES, 'MQ_TEST_ENGINES');
  const tally = await testOn(engines);
  for (const note of tally.notes) console.log(note);
  console.log(closingLine(tally));
  process.exitCode = tally.failed > 0 ? 1 : 0;
} catch (error) {
  if (!signal.aborted) console.error(error);
  process.exitCode = exitStatus() ?? 1;
}

/** @param {TestEngine[]} engines */
async function testOn(engines) {
  const sqlite = engines.includes('sqlite') ? sqliteProblem() : undefined;
  const servers = await startServers(serverEngines(engines), { signal, log: console.log });
  const missing = { ...(sqlite && { sqlite }), ...servers.unavailable };
  let outcome;
  try {
    showMissing(missing);
    outcome = await runJest(process.argv.slice(2), testEnvironment(engines, servers.urls, missing), signal);
  } finally {
    await servers.stop();
  }
  signal.throwIfAborted();

  const tally = tallyOf(outcome);
  for (const [engine, reason] of Object.entries(missing)) {
    countMissingEngine(tally, failsRun(engine) ? 'failed' : 'skipped', engine, reason);
  }
  showMissing(missing);
  return tally;
}

/** @param {Partial<Record<TestEngine, string>>} missing */
function showMissing(missing) {
  for (const [engine, reason] of Object.entries(missing)) {
    const consequence = failsRun(engine) ? 'AND THE RUN FAILS FOR IT' : 'NOTHING IS PROVEN FOR IT';
    console.log(banner(`${engine.toUpperCase()} IS NOT TESTED, ${consequence}`, reason));
  }
}

/** @param {string} engine */
function failsRun(engine) {
  return inCi && REQUIRED_IN_CI.includes(engine);
}
