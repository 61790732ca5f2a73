import { bringUp } from './bring-up.mjs';
import { tuningFlags } from './flags.mjs';
import { messageOf } from './ready.mjs';
import { run } from './run.mjs';

const IMAGES = {
  mariadb: { image: 'docker.io/library/mariadb:11.8', passwordVariable: 'MARIADB_ROOT_PASSWORD' },
  mysql: { image: 'docker.io/library/mysql:8.4', passwordVariable: 'MYSQL_ROOT_PASSWORD' },
};
const PULL_WITHIN_MS = 600_000;

/**
 * The official image, under Docker or Podman.
 *
 * @param {import('./engines.mjs').Engine} engine
 * @param {import('./engines.mjs').Context} context
 */
export async function startInContainer(engine, context) {
  const cli = await reachableContainerEngine();
  const { image, passwordVariable } = IMAGES[engine];
  await run(cli, ['image', 'inspect', image]).catch(() =>
    run(cli, ['pull', image], { timeoutMs: PULL_WITHIN_MS, signal: context.signal }),
  );
  return bringUp(
    engine,
    ({ port, password }) => {
      const name = `mq-test-${engine}-${port}-${process.pid}`;
      return {
        commands: [
          [
            ...[cli, 'run', '--rm', '--name', name, '--publish', `127.0.0.1:${port}:3306`],
            // Without a value it is taken from the client's environment, and `ps` doesn't show it.
            ...['--env', passwordVariable, image, ...tuningFlags()],
          ],
        ],
        cleanup: [[cli, 'rm', '--force', '--volumes', name]],
        env: { [passwordVariable]: password },
      };
    },
    context,
  );
}

/** @returns {Promise<string>} the command of an engine whose daemon answers */
async function reachableContainerEngine() {
  /** @type {string[]} */
  const failures = [];
  for (const cli of ['docker', 'podman']) {
    try {
      await run(cli, ['info'], { timeoutMs: 15_000 });
      return cli;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new Error(failures.join('; '));
}
