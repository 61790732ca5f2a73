import { startServers } from '../../test/servers/index.mjs';

const OPTION = {
  mariadb: '--database',
  postgres: '--postgres',
  rabbitmq: '--rabbitmq',
  jetstream: '--jetstream',
} as const;
export type ServerName = keyof typeof OPTION;
export type Urls = Partial<Record<ServerName, string>>;

/**
 * Those that are named, and the others started for this run alone.
 *
 * @throws Error when one can't be had
 */
export async function haveServers(
  wanted: readonly ServerName[],
  named: Urls,
): Promise<{ urls: Urls; stop: () => Promise<void> }> {
  const toStart = wanted.filter((server) => named[server] === undefined);
  const { urls, unavailable, stop } = await startServers(toStart, {
    signal: new AbortController().signal,
    log: console.error,
  });
  const [missing] = toStart.filter((server) => urls[server] === undefined);
  if (missing) {
    await stop();
    throw new Error(
      `${missing} can't be had: name one by ${OPTION[missing]}, or leave it out by --only.\n${unavailable[missing]}`,
    );
  }
  // The tests speak to both through mysql2, and name them so.
  if (urls.mariadb) urls.mariadb = urls.mariadb.replace(/^mysql:/, 'mariadb:');
  return { urls: { ...named, ...urls }, stop };
}
