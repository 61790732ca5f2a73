import { type Findings, IdempotentMqOperations, type MessageStory } from '../../src/index.js';
import { EVERYWHERE, World } from '../forgetting/support/world.js';
import { DAY_MS } from '../relay/parts.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { until } from '../support/until.js';
import { Desk, PaymentRefunded } from './support/desk.js';

// Property: whatever has become of a message, its story says so, and says nothing that is not so.

const HOUR_MS = 3_600_000;

describe.each(EVERYWHERE)('on %s with %s, find() tells of a message', (engine, shape) => {
  let world: World;
  let desk: Desk;
  /** Whether the broker takes what is sent to it. */
  let takes: boolean;

  beforeEach(async () => {
    takes = true;
    world = await World.open(engine, shape, {
      providers: [Desk],
      ...(shape === 'a broker apart' && {
        through: (broker) => ({
          ...broker,
          send: (shipment) => (takes ? broker.send(shipment) : Promise.reject(new Error('the line is dead'))),
        }),
      }),
    });
    desk = world.app.nest.get(Desk);
  });

  afterEach(async () => {
    await world.close();
  });

  const find = (bizId: string, topic = PaymentSucceeded.name): Promise<Findings> =>
    world.app.nest.get(IdempotentMqOperations).find(topic, bizId);

  const storyOf = async (bizId: string, topic?: string): Promise<MessageStory> => {
    const { messages } = await find(bizId, topic);
    expect(messages).toHaveLength(1);
    return messages[0]!;
  };

  const publish = (paymentId: string, options = {}) =>
    world.app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true, ...options });

  /** Until nothing moves any more, and what nobody needs is gone. */
  const settled = async () => {
    await world.settle();
    await world.app.broker.sweep();
  };

  const stagesOf = ({ stages }: MessageStory) => stages.map(({ stage }) => stage);

  if (shape === 'a broker apart') {
    it('in the outbox: how often it was sent, and that no ACK has come', async () => {
      takes = false;
      await publish('P-1');
      await world.app.events('ack-missed', 2);
      const story = await storyOf('P-1');
      expect(story).toMatchObject({ seq: undefined, innerMsgId: expect.stringMatching(/^[0-9a-f]{32}$/) });
      expect(story.stages).toEqual([
        {
          stage: 'outbox',
          state: 'sent',
          publishedAt: expect.any(Date),
          sends: expect.any(Number),
          firstSentAt: expect.any(Date),
          nextAt: expect.any(Date),
        },
      ]);
      takes = true;
      await settled();
      expect(stagesOf(await storyOf('P-1'))).toEqual(['done']);
    });

    it('in the outbox, with an ordering key', async () => {
      takes = false;
      await publish('P-1', { orderingKey: 'card 7' });
      await world.app.events('ack-missed', 1);
      const story = await storyOf('P-1');
      expect(story).toMatchObject({ orderingKey: 'card 7', stages: [{ stage: 'outbox', state: 'sent' }] });
      takes = true;
    });

    it('in the outbox, for a time that has not come', async () => {
      const from = Date.now();
      await publish('P-1', { delayMs: HOUR_MS });
      const { stages } = await storyOf('P-1');
      expect(stages).toMatchObject([{ stage: 'outbox', state: 'scheduled', sends: 0 }]);
      const [stage] = stages;
      const { nextAt } = stage as { nextAt: Date };
      expect(Math.abs(nextAt.getTime() - from - HOUR_MS)).toBeLessThan(60_000);
    });
  } else {
    it('that is scheduled', async () => {
      await publish('P-1', { delayMs: HOUR_MS });
      const { stages } = await storyOf('P-1');
      expect(stages).toMatchObject([{ stage: 'landed' }, { stage: 'scheduled', group: 'cards' }]);
    });
  }

  it('that waits for a worker, and why', async () => {
    await world.app.broker.groups.pause({ group: 'cards' });
    await publish('P-1');
    await until('it has landed', async () => (await find('P-1')).messages[0]?.seq !== undefined);
    const { stages } = await storyOf('P-1');
    expect(stages).toMatchObject([
      { stage: 'landed', at: expect.any(Date) },
      { stage: 'ready', group: 'cards', paused: true, behind: 0, failures: 0, leaseRanOut: false },
    ]);
  });

  it('that waits behind others of its ordering key', async () => {
    await world.app.broker.groups.pause({ group: 'cards' });
    for (const id of ['P-1', 'P-2', 'P-3']) await publish(id, { orderingKey: 'card 7' });
    await until('it has landed', async () => (await find('P-3')).messages[0]?.seq !== undefined);
    const story = await storyOf('P-3');
    expect(story.orderingKey).toBe('card 7');
    expect(story.stages).toMatchObject([{ stage: 'landed' }, { stage: 'ready', behind: 2 }]);
  });

  it('in flight, and until when', async () => {
    let release = () => {};
    desk.holds.set('P-1', new Promise<void>((resolve) => (release = resolve)));
    await publish('P-1');
    await world.app.events('delivered', 1);
    const { stages } = await storyOf('P-1');
    release();
    expect(stages).toMatchObject([
      { stage: 'landed' },
      { stage: 'in-flight', group: 'cards', attempt: 1, leaseUntil: expect.any(Date), errors: [] },
    ]);
    await world.settle();
  });

  it('that is tried again, with what went wrong', async () => {
    desk.fails.set('P-1', 'no paper');
    await world.publish('P-1');
    const { stages } = await storyOf('P-1');
    expect(stages).toMatchObject([
      { stage: 'landed' },
      { stage: 'retrying', group: 'cards', failures: 1, lostLeases: 0, nextAt: expect.any(Date) },
    ]);
    expect(stages[1]).toMatchObject({ errors: [{ error: expect.stringContaining('no paper') }] });
  });

  it('whose handler has asked for it later', async () => {
    desk.postpones.add('P-1');
    await world.publish('P-1');
    expect((await storyOf('P-1')).stages).toMatchObject([
      { stage: 'landed' },
      { stage: 'scheduled', group: 'cards' },
    ]);
  });

  it('that no group has taken', async () => {
    await world.app.outbox.publish(PaymentRefunded, payment('P-1'), { standalone: true });
    await world.app.events('parked', 1);
    if (shape === 'a broker apart') await world.app.events('relayed', 1);
    const { stages } = await storyOf('P-1', PaymentRefunded.name);
    expect(stages).toEqual([
      { stage: 'landed', at: expect.any(Date) },
      { stage: 'parked', since: expect.any(Date), deliverAt: undefined },
    ]);
  });

  it('that no group ever took', async () => {
    await world.app.outbox.publish(PaymentRefunded, payment('P-1'), { standalone: true });
    await world.app.events('parked', 1);
    if (shape === 'a broker apart') await world.app.events('relayed', 1);
    await world.letDaysPass(8);
    await world.app.broker.sweep();
    const { stages } = await storyOf('P-1', PaymentRefunded.name);
    expect(stages).toMatchObject([
      { stage: 'landed' },
      { stage: 'dead', group: undefined, reason: 'unrouted' },
    ]);
  });

  it('that is a dead letter, by the id that it is requeued by', async () => {
    desk.rejects.set('P-1', 'no such user');
    await world.publish('P-1');
    const { stages } = await storyOf('P-1');
    expect(stages).toMatchObject([
      { stage: 'landed' },
      { stage: 'dead', group: 'cards', reason: 'rejected', since: expect.any(Date) },
    ]);
    desk.rejects.clear();
    const { id } = stages[1] as { id: string };
    expect(await world.app.nest.get(IdempotentMqOperations).deadLetters.requeue(id)).toBe(1);
    await settled();
    expect(stagesOf(await storyOf('P-1'))).toEqual(['done']);
  });

  it('that is quarantined, and what was decided', async () => {
    await world.quarantine('P-1');
    const [quarantined] = (await storyOf('P-1')).stages;
    expect(quarantined).toMatchObject({
      stage: 'quarantined',
      reason: 'forgotten',
      copies: 1,
      decision: undefined,
    });
    await world.releaseAll();
    const { messages } = await find('P-1');
    const told = messages.flatMap(stagesOf);
    expect(told.filter((stage) => stage === 'done').length).toBeGreaterThan(0);
    expect(messages.flatMap(({ stages }) => stages)).toContainEqual(
      expect.objectContaining({ stage: 'quarantined', decision: 'released', decidedAt: expect.any(Date) }),
    );
  });

  it('that is done, and when it took effect', async () => {
    const from = Date.now();
    await world.publish('P-1');
    await world.app.broker.sweep();
    const { messages, rememberedMs, notes } = await find('P-1');
    expect({ rememberedMs, notes }).toEqual({ rememberedMs: 30 * DAY_MS, notes: [] });
    expect(messages).toMatchObject([
      {
        innerMsgId: undefined,
        seq: expect.any(Number),
        stages: [{ stage: 'done', group: 'cards', byThis: true, at: expect.any(Date) }],
      },
    ]);
    const [done] = messages[0]!.stages;
    const { at } = done as { at: Date };
    expect(Math.abs(at.getTime() - from)).toBeLessThan(60_000);
  });

  it('that waits, although another one of its biz-id has taken effect', async () => {
    await world.publish('P-1');
    await settled();
    await world.app.broker.groups.pause({ group: 'cards' });
    await publish('P-1');
    await until('both are told of', async () => {
      const { messages } = await find('P-1');
      return messages.length === 2 && messages[0]!.seq !== undefined;
    });
    const { messages } = await find('P-1');
    expect(messages.map(stagesOf)).toEqual([['landed', 'ready', 'done'], ['done']]);
    expect(messages.map(({ stages }) => stages.at(-1))).toMatchObject([{ byThis: false }, { byThis: true }]);
  });

  it('that was forgotten as of one that there never was', async () => {
    await world.publish('P-1');
    await world.letDaysPass(40);
    await world.app.broker.sweep();
    await world.forget();
    const { messages, rememberedMs } = await find('P-1');
    expect({ messages, rememberedMs }).toEqual({ messages: [], rememberedMs: 30 * DAY_MS });
    expect((await find('P-2')).messages).toEqual([]);
  });

  it('of its own topic, and of its own biz-id to the letter', async () => {
    await world.app.broker.groups.pause({ group: 'cards' });
    for (const id of ['P-1', 'p-1', 'P-1 ', 'P-10']) await publish(id);
    await until('all have landed', async () => (await find('P-10')).messages[0]?.seq !== undefined);
    expect((await find('P-1')).messages).toHaveLength(1);
    const { messages, notes } = await find('P-1', 'payment.sucseeded');
    expect({ messages, notes }).toEqual({
      messages: [],
      notes: ['The broker knows no topic payment.sucseeded.'],
    });
  });

  // The broker's tables are read alike wherever they are, and a relay would take its time for so many.
  if (shape !== 'a broker apart') {
    it('that is one of many, though it has no index', async () => {
      await world.app.broker.groups.pause({ group: 'cards' });
      await publish('P-1');
      await world.app.outbox.publishAll(
        PaymentSucceeded,
        Array.from({ length: 45_000 }, (_, i) => payment(`Q-${i}`)),
        { standalone: true },
      );
      await until('all have landed', async () => (await find('Q-44999')).messages[0]?.seq !== undefined);
      expect(stagesOf(await storyOf('P-1'))).toEqual(['landed', 'ready']);
      const operations = world.app.nest.get(IdempotentMqOperations);
      const inNoTime = await operations.find(PaymentSucceeded.name, 'P-1', { withinMs: 0 });
      expect(inNoTime.messages).toEqual([]);
      expect(inNoTime.notes).toEqual([
        'There was no time to look through all of the messages: the oldest rows were not looked at.',
      ]);
    });
  }

  it.each([
    ['a topic that is none', ['', 'P-1'], /find\(topic\) must be/],
    ['no biz-id', ['payment.succeeded', ''], /find\(bizId\) must be a non-empty/],
    ['a biz-id that is too long', ['payment.succeeded', 'x'.repeat(256)], /find\(bizId\) must be/],
  ])('and refuses %s', async (_, [topic, bizId], message) => {
    await expect(find(bizId!, topic)).rejects.toThrow(message);
  });
});
