import { createServer } from 'node:net';

/** @type {Set<number>} */
const handedOut = new Set();

/**
 * A TCP port on 127.0.0.1 that nothing listens on, and that no earlier call in this process was given:
 * two servers that start side by side must not be sent to the same one. Another process may still take it
 * first, so whoever uses it has to be ready to ask again.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = await portChosenByTheSystem();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

/** @returns {Promise<number>} */
function portChosenByTheSystem() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}
