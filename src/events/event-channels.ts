import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EVENT_TYPES, type IdempotentMqEventOf, type IdempotentMqEventType } from './event.js';

/** What a channel of `node:diagnostics_channel` carries. */
export interface IdempotentMqChannelMessage<T extends IdempotentMqEventType = IdempotentMqEventType> {
  readonly event: IdempotentMqEventOf<T>;
  /** The name of the module's instance in which it happened; undefined for the one without a name. */
  readonly instance: string | undefined;
}

// Held: Node forgets a channel that nobody holds.
const channels = new Map<IdempotentMqEventType, Channel>(
  EVENT_TYPES.map((type) => [type, channel(eventChannel(type))]),
);

/** The channel that has the events of a type, of every instance in this process: `nestjs-idempotent-mq:published`. */
export function eventChannel(type: IdempotentMqEventType): string {
  return `nestjs-idempotent-mq:${type}`;
}

/** @internal */
export function channelOf(type: IdempotentMqEventType): Channel {
  return channels.get(type)!;
}

/**
 * Listens on a channel. What the listener throws is given to `onError`; of one that subscribes by Node's own means it is
 * an uncaught exception, which ends the process.
 *
 * @param onError @default `process.emitWarning`
 * @returns how to stop it
 */
export function onEventChannel<T extends IdempotentMqEventType>(
  type: T,
  listener: (message: IdempotentMqChannelMessage<T>) => unknown,
  onError: (error: unknown) => void = warn,
): () => void {
  const guarded = (message: unknown) => {
    try {
      const result = listener(message as IdempotentMqChannelMessage<T>);
      if (result instanceof Promise) result.catch(onError);
    } catch (error) {
      onError(error);
    }
  };
  subscribe(eventChannel(type), guarded);
  return () => void unsubscribe(eventChannel(type), guarded);
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)));
}
