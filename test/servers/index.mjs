import { SERVER_ENGINES } from './engines.mjs';
import { jetstreamWays, namedJetstream } from './jetstream.mjs';
import { mariadbWays } from './mariadb.mjs';
import { mysqlWays } from './mysql.mjs';
import { postgresWays } from './postgres.mjs';
import { namedRabbitmq, rabbitmqWays } from './rabbitmq.mjs';
import { messageOf, versionOfEngine } from './ready.mjs';

/**
 * @typedef {import('./engines.mjs').Engine} Engine
 *
 * @typedef {object} Servers
 * @property {Partial<Record<Engine, string>>} urls         of the engines that are up
 * @property {Partial<Record<Engine, string>>} unavailable  why an engine isn't: each way that was tried
 * @property {() => Promise<void>} stop
 */

const WAYS = {
  mariadb: mariadbWays,
  mysql: mysqlWays,
  postgres: postgresWays,
  rabbitmq: rabbitmqWays,
  jetstream: jetstreamWays,
};

/**
 * Brings up the servers named, side by side. An engine that can't be had is reported, not thrown.
 *
 * @param {Engine[]} engines
 * @param {import('./engines.mjs').Context} context
 * @returns {Promise<Servers>}
 * @throws {Error} when the signal is aborted, and whatever had started is stopped then
 */
export async function startServers(engines, context) {
  /** @type {Servers['urls']} */
  const urls = {};
  /** @type {Servers['unavailable']} */
  const unavailable = {};
  /** @type {import('./engines.mjs').Server[]} */
  const running = [];
  const stop = async () => void (await Promise.all(running.map((server) => server.stop())));

  await Promise.all(
    engines.map(async (engine) => {
      const startedAt = Date.now();
      try {
        const { server, how } = await firstWayOpen(engine, context);
        running.push(server);
        urls[engine] = server.url;
        const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
        const { host } = new URL(server.url);
        context.log(
          `${SERVER_ENGINES[engine].label} ${server.version} on ${host} after ${seconds} s (${how})`,
        );
      } catch (error) {
        unavailable[engine] = messageOf(error);
      }
    }),
  );
  if (context.signal.aborted) {
    await stop();
    context.signal.throwIfAborted();
  }
  return { urls, unavailable, stop };
}

/**
 * A server that somebody named is used or nothing is: to test another one in silence would mislead.
 *
 * @param {Engine} engine
 * @param {import('./engines.mjs').Context} context
 */
async function firstWayOpen(engine, context) {
  const { urlVariable } = SERVER_ENGINES[engine];
  const named = process.env[urlVariable];
  if (named) return { server: await namedServer(named, engine, urlVariable), how: `named by ${urlVariable}` };
  /** @type {string[]} */
  const failures = [`${urlVariable}: not set`];
  for (const way of WAYS[engine]) {
    try {
      return { server: await way.start(context), how: way.name };
    } catch (error) {
      context.signal.throwIfAborted();
      failures.push(`${way.name}: ${messageOf(error)}`);
    }
  }
  throw new Error(failures.join('\n'));
}

/**
 * @param {string} url
 * @param {Engine} engine
 * @param {string} urlVariable
 * @returns {Promise<import('./engines.mjs').Server>}
 */
async function namedServer(url, engine, urlVariable) {
  try {
    if (engine === 'rabbitmq') return await namedRabbitmq(url);
    if (engine === 'jetstream') return await namedJetstream(url);
    return { url, version: await versionOfEngine(url, engine), stop: async () => {} };
  } catch (error) {
    throw new Error(`the server that ${urlVariable} names can't be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
