import { isRoot } from './user.mjs';

/**
 * What both engines are started with. Nothing here trades durability for speed: a test that says "not lost"
 * means it. Host names are left unresolved because a resolver that doesn't answer delays every login.
 *
 * @param {import('./bring-up.mjs').Place} place
 * @returns {string[]}
 */
export function commonFlags({ data, tmp, socket, initFile, port }) {
  return [
    ...userFlag(),
    `--datadir=${data}`,
    `--tmpdir=${tmp}`,
    `--socket=${socket}`,
    `--pid-file=${socket}.pid`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--init-file=${initFile}`,
    '--skip-name-resolve',
    ...tuningFlags(),
  ];
}

/** Those that hold in a container as well, which has its own idea of files and addresses. */
export function tuningFlags() {
  return [
    '--character-set-server=utf8mb4',
    '--innodb-buffer-pool-size=128M',
    '--innodb-flush-log-at-trx-commit=1',
    '--max-connections=500',
  ];
}

/** Both refuse to run as root unless told to by name. */
export function userFlag() {
  return isRoot() ? ['--user=root'] : [];
}
