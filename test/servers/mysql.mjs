import { bringUp } from './bring-up.mjs';
import { startInContainer } from './container.mjs';
import { findServerBinary } from './find-binary.mjs';
import { commonFlags, userFlag } from './flags.mjs';
import { forgetUnpackedMysql, unpackedMysql } from './unpacked-mysql.mjs';

/** @type {import('./engines.mjs').Way[]} */
export const mysqlWays = [
  {
    name: 'installed binary',
    start: async (context) => startMysqld([await findServerBinary('mysql')], [], context),
  },
  { name: "Debian's sid, unpacked beside the system", start: startUnpacked },
  { name: 'container', start: (context) => startInContainer('mysql', context) },
];

/**
 * A tree kept from an earlier run gets one chance, and is then fetched anew.
 *
 * @param {import('./engines.mjs').Context} context
 */
async function startUnpacked(context) {
  const kept = await unpackedMysql(context);
  try {
    return await startMysqld(kept.command, kept.flags, context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (kept.fresh) throw error;
    await forgetUnpackedMysql();
    const fetched = await unpackedMysql(context);
    return startMysqld(fetched.command, fetched.flags, context);
  }
}

/**
 * @param {string[]} command
 * @param {string[]} flags
 * @param {import('./engines.mjs').Context} context
 */
function startMysqld(command, flags, context) {
  return bringUp(
    'mysql',
    (place) => {
      // Debian's build names a folder here that only its full package makes, and stops without it.
      const base = [...command, '--no-defaults', ...flags, '--secure-file-priv=NULL'];
      return {
        commands: [
          [...base, ...userFlag(), `--datadir=${place.data}`, '--initialize-insecure'],
          [...base, ...commonFlags(place), '--mysqlx=OFF'],
        ],
      };
    },
    context,
  );
}
