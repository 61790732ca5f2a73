import { RabbitmqConnection } from '../../src/rabbitmq/connection.js';
import type { RegistryDeps } from '../../src/rabbitmq/registry.js';
import { Outage } from '../../src/transport/engine/outage.js';

const TIMEOUT_MS = 10_000;

/** What a process of its own has to read and write a registry with, open. */
export async function registryDeps(
  url: string,
  warn: (line: string) => void = () => undefined,
): Promise<RegistryDeps> {
  const options = { url, name: 'the server', heartbeatSeconds: 10, timeoutMs: TIMEOUT_MS };
  const make = () =>
    new RabbitmqConnection(options, new Outage(options.name, () => undefined), () => undefined);
  const [reading, writing] = [make(), make()];
  await Promise.all([reading.open(), writing.open()]);
  return { reading, writing, timeoutMs: TIMEOUT_MS, warn };
}
