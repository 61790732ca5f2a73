import { connect } from 'amqplib';
import type { RabbitmqConnection } from '../../src/rabbitmq/connection.js';
import { Registry, type RegistrySize } from '../../src/rabbitmq/registry.js';
import { OwnRabbitmq } from '../support/own-rabbitmq.js';
import { type TestRabbitmq, createRabbitmq, describeRabbitmq } from '../support/rabbitmq.js';
import { registryDeps } from './connections.js';

// Property: which group has which queue is known to whoever reads the registry, however long it has been written to.

const SMALL: RegistrySize = { bytes: 60_000, segmentBytes: 20_000, stateEvery: 20 };
const CARDS = { topic: 'payment.succeeded', group: 'card-issuing', keyed: false };

describeRabbitmq('the registry of queues', () => {
  let server: OwnRabbitmq;
  let rabbitmq: TestRabbitmq;
  let connections: RabbitmqConnection[];
  let warnings: string[];

  // RabbitMQ 3.10 loses all of its streams where one is deleted that it is just throwing a segment of away: none is.
  beforeAll(async () => {
    server = await OwnRabbitmq.start();
  }, 120_000);

  afterAll(() => server.close());

  beforeEach(() => {
    rabbitmq = createRabbitmq(server.url);
    connections = [];
    warnings = [];
  });

  afterEach(async () => {
    for (const connection of connections) await connection.close();
  });

  const registry = async (size: RegistrySize = SMALL) => {
    const deps = await registryDeps(rabbitmq.url, (line) => warnings.push(line));
    connections.push(deps.reading, deps.writing);
    return new Registry(`${rabbitmq.prefix}.registry`, deps, size);
  };

  /** Of the first entry that the server still has. */
  const numberOfTheFirst = async (): Promise<number> => {
    const connection = await connect(rabbitmq.url);
    try {
      const channel = await connection.createChannel();
      await channel.prefetch(1);
      return await new Promise<number>((resolve, reject) => {
        const take = (message: { properties: { headers?: object } } | null) =>
          resolve((message?.properties.headers as { 'x-stream-offset': number })['x-stream-offset']);
        const options = { arguments: { 'x-stream-offset': 'first' } };
        channel.consume(`${rabbitmq.prefix}.registry`, take, options).catch(reject);
      });
    } finally {
      await connection.close();
    }
  };

  const untilTheBeginningIsGone = async (writer: Registry) => {
    for (let marks = 0; marks < 5_000; marks++) {
      await writer.catchUp();
      if (marks % 100 === 99 && (await numberOfTheFirst()) > 0) return;
    }
    throw new Error('the server has thrown nothing away');
  };

  it('is known to who comes when the server has thrown its beginning away', async () => {
    const writer = await registry();
    const id = await writer.identify();
    await writer.replace(CARDS, undefined, 'first-queue');
    await writer.replace(CARDS, 'first-queue', 'second-queue');
    await untilTheBeginningIsGone(writer);
    const reader = await registry();
    await reader.catchUp();
    expect(reader.queueOf(CARDS)).toBe('second-queue');
    expect(await reader.identify()).toEqual(id);
    // Who was first counts there as well.
    expect(await reader.replace(CARDS, 'first-queue', 'third-queue')).toBe(false);
    expect(await reader.replace(CARDS, 'second-queue', 'third-queue')).toBe(true);
  });

  it('of which nothing says what holds is refused, and not taken for one without groups', async () => {
    const writer = await registry({ ...SMALL, stateEvery: Infinity });
    await writer.replace(CARDS, undefined, 'a-queue');
    await untilTheBeginningIsGone(writer);
    await expect((await registry()).catchUp()).rejects.toThrow('has lost its beginning');
  });

  it('passes over what somebody else has written into it, and says so', async () => {
    const writer = await registry();
    await writer.replace(CARDS, undefined, 'a-queue');
    const connection = await connect(rabbitmq.url);
    const channel = await connection.createConfirmChannel();
    const strange = [
      '<oops/>',
      'null',
      '17',
      '{"kind":"broker"}',
      '{"kind":"broker","id":"zz"}',
      '{"kind":"queue","topic":"t","group":"g","keyed":false,"replaces":null,"queue":5}',
      '{"kind":"state","upTo":1,"id":null}',
    ];
    for (const text of strange)
      channel.sendToQueue(`${rabbitmq.prefix}.registry`, Buffer.from(text), { persistent: true });
    await channel.waitForConfirms();
    await connection.close();
    await writer.catchUp();
    const reader = await registry();
    await reader.catchUp();
    expect([writer, reader].map((one) => one.queueOf(CARDS))).toEqual(['a-queue', 'a-queue']);
    expect(warnings.filter((line) => /was not written by this library/.test(line))).toHaveLength(
      2 * strange.length,
    );
  });

  it('is read as it was made, also by who would make it larger or smaller', async () => {
    const writer = await registry();
    await writer.replace(CARDS, undefined, 'a-queue');
    const other = await registry({ ...SMALL, bytes: 2 * SMALL.bytes });
    await other.catchUp();
    expect(other.queueOf(CARDS)).toBe('a-queue');
  });

  it('says the same to all who write it at the same time, and to who comes later', async () => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => registry({ ...SMALL, stateEvery: 3 })));
    // RabbitMQ may break the connections of those who make one and the same stream at the same moment.
    for (const writer of writers) await writer.identify();
    const groups = ['a', 'b', 'c'].map((group) => ({ ...CARDS, group }));
    await Promise.all(
      writers.map(async (writer, one) => {
        for (let turn = 0; turn < 100; turn++) {
          const of = groups[(one + turn) % groups.length]!;
          await writer.catchUp();
          await writer.replace(of, writer.queueOf(of), `queue-${one}-${turn}`);
        }
      }),
    );
    expect(await numberOfTheFirst()).toBeGreaterThan(0);
    const readers = [...writers, await registry()];
    await Promise.all(readers.map((reader) => reader.catchUp()));
    const [said, ...others] = readers.map((reader) => groups.map((of) => reader.queueOf(of)));
    expect(said).not.toContain(undefined);
    for (const other of others) expect(other).toEqual(said);
  });
});
