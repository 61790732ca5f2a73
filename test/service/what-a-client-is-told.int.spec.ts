import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BrokerOverHttp } from '../../src/broker-over-http.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';

// Property: an app whose option broker is wrong is told which part of it, when it starts.

const SECRET = 'a-secret-of-the-shop-that-is-long-enough';

describe('an app that is started with', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await createDatabase('sqlite');
    service = await startService(database, { tokens: [{ name: 'shop', token: SECRET, publish: 'all' }] });
  });

  afterAll(async () => {
    await service?.close();
    await database.drop();
  });

  const open = async (url: string, token?: string) => {
    const broker = new BrokerOverHttp({ url, ...(token !== undefined && { token }) });
    try {
      return await broker.tryToOpen();
    } finally {
      await broker.close();
    }
  };

  it('what is right is told nothing', async () => {
    expect(await open(service.url, SECRET)).toBe(true);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['no token', () => open(service.url), /TOKEN_MISSING\) Set the option broker\.token\.$/],
    [
      'a wrong token',
      () => open(service.url, 'shop'),
      /TOKEN_UNKNOWN\) Is the option broker\.token the secret/,
    ],
    ['a wrong path', () => open(`${service.url}/v1/send`, SECRET), /Is the option broker\.url right/],
  ])('%s is told so', async (_, opened, message) => {
    await expect(opened()).rejects.toThrow(message);
  });

  it('https where there is no TLS is told so by what it waits for', async () => {
    const broker = new BrokerOverHttp({ url: service.url.replace('http:', 'https:'), token: SECRET });
    const asked = broker.requests.ask('identify', {});
    await expect(asked).rejects.toThrow(/does not speak TLS.*broker\.url.*http:/);
    await broker.close();
  });

  describe('a service that answers what it is asked with', () => {
    let server: Server;
    let status: number;
    let body: string;

    beforeEach(async () => {
      server = createServer((_, response) => response.writeHead(status).end(body));
      await once(server.listen(0, '127.0.0.1'), 'listening');
    });

    afterEach(() => server.close());

    const openAt = () => open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

    it.each([
      ['INTERNAL', 500],
      ['UNAVAILABLE', 503],
    ])('%s waits for it', async (code, its) => {
      [status, body] = [its, JSON.stringify({ error: { code, message: 'A fault.' } })];
      expect(await openAt()).toBe(false);
    });

    it('a page of something else is told so', async () => {
      [status, body] = [200, '<html>'];
      await expect(openAt()).rejects.toThrow(/status 200 and what is not of the protocol \("<html>"\)/);
    });
  });
});
