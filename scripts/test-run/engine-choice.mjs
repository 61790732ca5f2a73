/** @typedef {'sqlite' | import('../../test/servers/engines.mjs').Engine} TestEngine */

/** @type {TestEngine[]} */
export const TEST_ENGINES = ['sqlite', 'mariadb', 'mysql', 'postgres', 'rabbitmq', 'jetstream'];

/** Only where it is asked for: not every test can run on it yet. */
const ON_REQUEST = ['postgres'];

/**
 * @param {string | undefined} list  comma-separated; nothing means every engine but those on request
 * @param {string} origin            what to name in the error: the variable or the flag
 * @returns {TestEngine[]}
 */
export function chooseEngines(list, origin) {
  const names = (list ?? '').split(',').map((name) => name.trim());
  const given = names.filter(Boolean);
  if (given.length === 0) return TEST_ENGINES.filter((engine) => !ON_REQUEST.includes(engine));
  const unknown = given.filter((name) => !TEST_ENGINES.some((engine) => engine === name));
  if (unknown.length > 0) {
    throw new Error(
      `${origin} must list engines out of ${TEST_ENGINES.join(', ')} (got: ${unknown.join(', ')})`,
    );
  }
  return TEST_ENGINES.filter((engine) => given.includes(engine));
}

/**
 * Those that run as servers.
 *
 * @param {TestEngine[]} engines
 */
export function serverEngines(engines) {
  return engines.filter((engine) => engine !== 'sqlite');
}
