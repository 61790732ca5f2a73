import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpEndpoint, Tokens } from '../../../src/service/index.js';
import { dialectOf } from '../../../src/storage/index.js';

type Deps = ConstructorParameters<typeof HttpEndpoint>[0];

export interface TestEndpoint {
  readonly endpoint: HttpEndpoint;
  readonly url: string;
  /** What the log would say. */
  readonly faults: string[];
  close(): Promise<void>;
}

/** The HTTP of a broker service, without a broker behind it. */
export async function startEndpoint(
  operations: Partial<Deps['operations']>,
  deps: Partial<Omit<Deps, 'operations'>> = {},
): Promise<TestEndpoint> {
  const faults: string[] = [];
  const endpoint = new HttpEndpoint({
    operations: operations as Deps['operations'],
    tokens: new Tokens([]),
    body: { maxBytes: 65_536, timeoutMs: 5_000 },
    maxRequests: 500,
    isReady: async () => true,
    dialect: dialectOf('better-sqlite3'),
    describe: () => ({}),
    onFault: (message) => faults.push(message),
    ...deps,
  });
  const server: Server = createServer((request, response) =>
    endpoint.handle(request, response, request.url!),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    async close() {
      await endpoint.stop();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
