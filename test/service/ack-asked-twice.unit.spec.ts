import { once } from 'node:events';
import { type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { BrokerOverHttp } from '../../src/broker-over-http.js';
import { uuidOf } from '../../src/wire/index.js';

const lease = { subscriptionId: 1, seq: 7, token: randomBytes(16), orderingKey: undefined };

/** An ACK that the broker has taken, whose answer got lost with a connection that had been kept. */
describe('an ACK over HTTP', () => {
  let server: Server;
  let broker: BrokerOverHttp;
  /** What becomes of each ACK: it breaks the connection, or is answered so. */
  let fates: ('break' | boolean)[];

  beforeEach(async () => {
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        if (!request.url!.endsWith('/acknowledge')) {
          return answer(response, { broker: uuidOf(randomBytes(16)), now: 1 });
        }
        const fate = fates.shift()!;
        if (fate === 'break') return void request.socket.destroy();
        answer(response, { taken: [fate] });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    broker = new BrokerOverHttp({ url: `http://127.0.0.1:${port}` });
    // From now on there is a connection that is kept.
    expect(await broker.tryToOpen()).toBe(true);
  });

  afterEach(async () => {
    await broker.close();
    server.close();
    await once(server, 'close');
  });

  it('is taken, if the repeat by the client itself finds that nothing is held any more', async () => {
    fates = ['break', false];
    await expect(broker.transport.acknowledge(lease)).resolves.toBe(true);
    expect(fates).toEqual([]);
  });

  it('is taken by the repeat, if the first one did not get through', async () => {
    fates = ['break', true];
    await expect(broker.transport.acknowledge(lease)).resolves.toBe(true);
  });

  it('is not taken, if the broker says so at once', async () => {
    fates = [false];
    await expect(broker.transport.acknowledge(lease)).resolves.toBe(false);
  });

  it('is unclear, if the connection of the repeat breaks as well', async () => {
    fates = ['break', 'break'];
    await expect(broker.transport.acknowledge(lease)).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });
});

function answer(response: ServerResponse, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
}
