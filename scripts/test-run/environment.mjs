import { SERVER_ENGINES } from '../../test/servers/engines.mjs';

/**
 * What the tests are told: which engines to run on, where the servers are, and why one is missing.
 *
 * @param {import('./engine-choice.mjs').TestEngine[]} engines
 * @param {Partial<Record<string, string>>} urls
 * @param {Partial<Record<string, string>>} unavailable
 * @returns {NodeJS.ProcessEnv}
 */
export function testEnvironment(engines, urls, unavailable) {
  const env = { ...process.env };
  for (const [engine, { urlVariable }] of Object.entries(SERVER_ENGINES)) {
    // A server that is not to be used must not be reachable by its variable either.
    delete env[urlVariable];
    const url = urls[engine];
    if (url) env[urlVariable] = url;
  }
  env.MQ_TEST_ENGINES = engines.join(',');
  env.MQ_TEST_UNAVAILABLE = JSON.stringify(unavailable);
  return env;
}
