import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EVENT_TYPES, IdempotentMqEvents, eventChannel, onEventChannel } from '../../src/events/index.js';

const published = { type: 'published', topic: 'payment.succeeded', count: 2 } as const;

describe('events on node:diagnostics_channel', () => {
  it('are on a channel of their type, with the instance that they are of', () => {
    const heard: unknown[] = [];
    const listener = (message: unknown) => heard.push(message);
    subscribe('nestjs-idempotent-mq:published', listener);
    new IdempotentMqEvents().emit(published);
    new IdempotentMqEvents(undefined, 'billing').emit(published);
    new IdempotentMqEvents().emit({ type: 'relayed', count: 2 });
    unsubscribe('nestjs-idempotent-mq:published', listener);
    expect(heard).toEqual([
      { event: published, instance: undefined },
      { event: published, instance: 'billing' },
    ]);
  });

  it('have a channel for each type', () => {
    expect(new Set(EVENT_TYPES.map(eventChannel)).size).toBe(EVENT_TYPES.length);
  });

  it('are wanted as long as somebody listens on their channel', () => {
    const events = new IdempotentMqEvents();
    expect(events.wants('published')).toBe(false);
    const stop = onEventChannel('published', () => undefined);
    expect(events.wants('published')).toBe(true);
    expect(events.wants('delivered')).toBe(false);
    stop();
    expect(events.wants('published')).toBe(false);
  });

  it('come to everybody else when a listener throws, or rejects', async () => {
    const errors: unknown[] = [];
    const heard: number[] = [];
    const boom = new Error('the agent is on fire');
    const stops = [
      onEventChannel(
        'published',
        () => {
          throw boom;
        },
        (error) => errors.push(error),
      ),
      onEventChannel(
        'published',
        () => Promise.reject(boom),
        (error) => errors.push(error),
      ),
      onEventChannel('published', ({ event }) => heard.push(event.count)),
    ];
    new IdempotentMqEvents().emit(published);
    await new Promise((resolve) => setImmediate(resolve));
    for (const stop of stops) stop();
    expect(heard).toEqual([2]);
    expect(errors).toEqual([boom, boom]);
  });

  it('are told of as a warning of the process when a listener throws and nobody takes its errors', () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const boom = new Error('the agent is on fire');
    const stop = onEventChannel('published', () => {
      throw boom;
    });
    new IdempotentMqEvents().emit(published);
    stop();
    expect(warned.mock.calls).toEqual([[boom]]);
    warned.mockRestore();
  });
});

describe('events of some types', () => {
  it('come in the order in which they happened', () => {
    const events = new IdempotentMqEvents();
    const heard: string[] = [];
    events.of('relayed', 'published').subscribe(({ type }) => heard.push(type));
    events.emit(published);
    events.emit({ type: 'relay-recovered' });
    events.emit({ type: 'relayed', count: 2 });
    events.emit(published);
    expect(heard).toEqual(['published', 'relayed', 'published']);
  });

  it('end when all events end', () => {
    const events = new IdempotentMqEvents();
    const ended = jest.fn();
    events.of('relayed', 'published').subscribe({ complete: ended });
    events.close();
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it('keep a subscriber that throws from nobody', () => {
    const errors: unknown[] = [];
    const events = new IdempotentMqEvents((error) => errors.push(error));
    const heard: string[] = [];
    events.of('published').subscribe(() => {
      throw new Error('on fire');
    });
    events.of('published').subscribe(({ topic }) => heard.push(topic));
    events.emit(published);
    events.emit(published);
    expect(heard).toHaveLength(2);
    expect(errors).toHaveLength(2);
  });
});
