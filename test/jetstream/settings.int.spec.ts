import { DiscardPolicy, RetentionPolicy, type StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { MessageEngine } from '../../src/index.js';
import { type TestJetstream, createJetstream, describeJetstream } from '../support/jetstream.js';

// Property: settings with which JetStream would lose messages, or the order of a key, are refused and named.

const SUBSCRIPTION = { topic: 'payment.succeeded', group: 'card-issuing' };

describeJetstream('a stream', () => {
  let jetstream: TestJetstream;
  let engines: MessageEngine[];

  beforeEach(() => {
    jetstream = createJetstream();
    engines = [];
  });

  afterEach(async () => {
    for (const engine of engines) await engine.close();
    await jetstream.drop();
  });

  const open = async (options = {}) => {
    const engine = jetstream.broker(options).engine();
    engines.push(engine);
    await engine.open({ warn: () => undefined });
    return engine;
  };
  const stream = () => `${jetstream.prefix}_payment_succeeded`;
  const editStream = (config: Partial<StreamConfig>) =>
    jetstream.onServer((manager) => manager.streams.update(stream(), config));
  const message = (bizId: string) => ({
    topic: SUBSCRIPTION.topic,
    innerMsgId: Buffer.from(Date.now().toString(16).padStart(12, '0') + '7'.repeat(20), 'hex'),
    bizId: Buffer.from(bizId),
    body: Buffer.from('{}'),
    headers: null,
    orderingKey: undefined,
    expiresAt: undefined,
  });

  it('is made with file storage, limits retention, and a window above which its messages stay', async () => {
    await (await open()).subscribe(SUBSCRIPTION);
    const { config } = await jetstream.onServer((manager) => manager.streams.info(stream()));
    expect(config).toMatchObject({ storage: 'file', retention: 'limits', discard: 'new' });
    expect(config.max_age).toBeGreaterThanOrEqual(2 * config.duplicate_window);
  });

  it.each([
    ['max_age', { max_age: nanos(3 * 3_600_000) }],
    ['duplicate_window', { duplicate_window: nanos(60_000) }],
    ['max_msgs with discard: old', { max_msgs: 1_000, discard: DiscardPolicy.Old }],
    ['max_msgs_per_subject', { max_msgs_per_subject: 1_000 }],
    ['no_ack', { no_ack: true }],
  ])('that is changed in %s is refused', async (named, change) => {
    await (await open()).subscribe(SUBSCRIPTION);
    await editStream(change);
    const engine = await open();
    await expect(engine.subscribe(SUBSCRIPTION)).rejects.toThrow(named);
    const [answer] = await engine.publish([message('P-1')]);
    expect(answer).toMatchObject({ kind: 'refused', reason: expect.stringContaining(named) as string });
  });

  it('that forgets what was handled is refused', async () => {
    await (await open()).subscribe(SUBSCRIPTION);
    const { config } = await jetstream.onServer((manager) => manager.streams.info(stream()));
    await jetstream.onServer(async (manager) => {
      await manager.streams.delete(stream());
      await manager.streams.add({ ...config, retention: RetentionPolicy.Interest });
    });
    await expect((await open()).subscribe(SUBSCRIPTION)).rejects.toThrow('retention is interest');
  });

  it('that is full refuses what comes, and throws nothing away', async () => {
    const engine = await open();
    await engine.subscribe(SUBSCRIPTION);
    await editStream({ max_msgs: 1 });
    const first = message('P-1');
    expect(await engine.publish([first])).toEqual([{ kind: 'landed' }]);
    const second = { ...message('P-2'), innerMsgId: Buffer.from(first.innerMsgId).fill(1, 12) };
    const [answer] = await engine.publish([second]);
    expect(answer).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('maximum messages') as string,
    });
  });

  it('with another number of partitions is refused: a key would be in two of them', async () => {
    await (await open()).subscribe(SUBSCRIPTION);
    await expect((await open({ partitions: 8 })).subscribe(SUBSCRIPTION)).rejects.toThrow(
      'it has 4 partitions, and the option partitions says 8',
    );
  });

  it.each([
    ['max_deliver', 'card-issuing', { max_deliver: 5 }],
    ['max_ack_pending', 'card-issuing=key0', { max_ack_pending: 100 }],
  ])('has no consumer that is changed in %s', async (named, consumer, change) => {
    await (await open()).subscribe(SUBSCRIPTION);
    await jetstream.onServer((manager) => manager.consumers.update(stream(), consumer, change));
    await expect((await open()).subscribe(SUBSCRIPTION)).rejects.toThrow(named);
  });

  it('knows when the oldest landed that a group has not acknowledged', async () => {
    const engine = await open();
    await engine.subscribe(SUBSCRIPTION);
    expect(await engine.oldest!(SUBSCRIPTION)).toBeUndefined();
    const before = Date.now() * 1000;
    await engine.publish([message('P-1')]);
    const oldest = (await engine.oldest!(SUBSCRIPTION))!;
    expect(oldest).toBeGreaterThanOrEqual(before - 1000);
    expect(oldest).toBeLessThanOrEqual((Date.now() + 1) * 1000);
  });

  it('that is to have more replicas than a single server can keep is refused by the name of the option', async () => {
    await expect((await open({ replicas: 3 })).subscribe(SUBSCRIPTION)).rejects.toThrow(
      /^replicas in the option broker must be 1 where NATS is a single server/,
    );
  });

  it('takes a group whose consumer was deleted for one that nobody knows of, and not for one that is done', async () => {
    const engine = await open();
    await engine.subscribe(SUBSCRIPTION);
    await engine.publish([message('P-1')]);
    const { group } = SUBSCRIPTION;
    await jetstream.onServer((manager) => manager.consumers.delete(stream(), group));
    await expect(engine.oldest!(SUBSCRIPTION)).rejects.toThrow(`the consumer ${group} of the stream`);
    await engine.subscribe(SUBSCRIPTION);
    expect(await engine.oldest!(SUBSCRIPTION)).toBeDefined();
  });

  it('that was lost with all others is another broker', async () => {
    const engine = await open();
    const known = await engine.identify();
    expect(await (await open()).identify()).toEqual(known);
    await jetstream.onServer((manager) => manager.streams.delete(jetstream.prefix));
    expect(await engine.identify()).not.toEqual(known);
  });
});
