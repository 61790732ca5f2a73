import type { RabbitmqConnection } from '../../src/rabbitmq/connection.js';
import { Names } from '../../src/rabbitmq/names.js';
import { type QueueOf, Registry } from '../../src/rabbitmq/registry.js';
import { Topology } from '../../src/rabbitmq/topology.js';
import { type TestRabbitmq, createRabbitmq, describeRabbitmq } from '../support/rabbitmq.js';
import { registryDeps } from './connections.js';

// Property: whatever gets lost while a group's queue is made or removed, there is one in the end, or none, and no name twice.

const CARDS = { topic: 'payment.succeeded', group: 'card-issuing' };

/** Of what it writes, the answer gets lost, or the request, as often as it is told. */
class LossyRegistry extends Registry {
  lose: ('answer' | 'request')[] = [];

  override async replace(
    of: QueueOf,
    replaces: string | undefined,
    queue: string | undefined,
  ): Promise<boolean> {
    const lost = this.lose.shift();
    if (lost !== 'request') {
      const isOurs = await super.replace(of, replaces, queue);
      if (!lost) return isOurs;
    }
    throw new Error(`the ${lost} got lost`);
  }
}

describeRabbitmq("a group's queue", () => {
  let rabbitmq: TestRabbitmq;
  let connections: RabbitmqConnection[];

  beforeEach(() => {
    rabbitmq = createRabbitmq();
    connections = [];
  });

  afterEach(async () => {
    for (const connection of connections) await connection.close();
    await rabbitmq.drop();
  });

  /** As a process has it. */
  const open = async () => {
    const deps = await registryDeps(rabbitmq.url);
    const { reading, timeoutMs } = deps;
    connections.push(reading, deps.writing);
    const names = new Names(rabbitmq.prefix);
    const registry = new LossyRegistry(names.registry, deps);
    const topology = new Topology(reading, registry, names, timeoutMs);
    const deleteQueue = async (queue: string) => void (await (await reading.channel()).deleteQueue(queue));
    const made: string[] = [];
    const newQueue = names.newQueue.bind(names);
    names.newQueue = (...of) => {
      const name = newQueue(...of);
      made.push(name);
      return name;
    };
    const left = async () => {
      const there = await Promise.all(made.map((name) => topology.exists(name)));
      return made.filter((_, i) => there[i]);
    };
    return { registry, topology, deleteQueue, left };
  };

  it.each(['answer', 'request'] as const)(
    'is one, and no name is used again, where the %s got lost with which it was written down',
    async (lost) => {
      const { registry, topology, deleteQueue, left } = await open();
      await registry.identify();
      registry.lose.push(lost);
      await expect(topology.ensureQueue(CARDS, false)).rejects.toThrow('got lost');
      const first = await topology.ensureQueue(CARDS, false);
      expect(await left()).toEqual([first]);
      await deleteQueue(first);
      const second = await topology.ensureQueue(CARDS, false);
      expect(second).not.toBe(first);
      expect(await left()).toEqual([second]);
    },
  );

  it('of a process that was second to write it down is not left behind', async () => {
    const [one, other] = [await open(), await open()];
    await one.registry.identify();
    one.registry.lose.push('request');
    await expect(one.topology.ensureQueue(CARDS, false)).rejects.toThrow('got lost');
    const queue = await other.topology.ensureQueue(CARDS, false);
    expect(await one.topology.ensureQueue(CARDS, false)).toBe(queue);
    expect([...(await one.left()), ...(await other.left())]).toEqual([queue]);
  });

  it.each(['answer', 'request'] as const)(
    'is removed by who comes next, where the %s got lost with which its end was written down, and the process has died',
    async (lost) => {
      const [one, other] = [await open(), await open()];
      await one.registry.identify();
      await one.topology.ensureQueue(CARDS, false);
      one.registry.lose.push(lost);
      await expect(one.topology.removeQueue(CARDS, false)).rejects.toThrow('got lost');
      await other.topology.removeQueue(CARDS, false);
      expect(other.registry.queueOf({ ...CARDS, keyed: false })).toBeUndefined();
      expect(await one.left()).toEqual([]);
    },
  );
});
