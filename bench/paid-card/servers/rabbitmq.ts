import { startRabbitmq as startServer } from '../../../test/servers/rabbitmq.mjs';
import type { RunningServer } from './kinds.js';

/** That of the tests. */
export async function startRabbitmq(): Promise<RunningServer> {
  const { url, version, pid, stop } = await startServer();
  return {
    kind: 'rabbitmq',
    url,
    version,
    settings: 'one node, no plugins, its defaults',
    pid: await pid(),
    stop,
  };
}
