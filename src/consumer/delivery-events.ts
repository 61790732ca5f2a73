import {
  type BizIdConflict,
  describeError,
  describeErrorAtLength,
  describeErrorCode,
} from '../errors/index.js';
import type { DeadLetterReason, IdempotentMqEvents } from '../events/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { HeldDelivery } from './held-delivery.js';
import { noteOutcome } from './traced-delivery.js';

/** Tells what becomes of a consumer's deliveries, to whoever listens and in their spans. */
export class DeliveryEvents {
  constructor(
    private readonly events: IdempotentMqEvents,
    private readonly consumer: DiscoveredConsumer,
  ) {}

  delivered(held: HeldDelivery): void {
    if (!this.events.wants('delivered')) return;
    const { attempt } = held;
    this.emit(held, { type: 'delivered', attempt, redelivered: attempt > 1 });
  }

  acknowledged(held: HeldDelivery): void {
    if (!this.events.wants('acknowledged')) return;
    const { tookMs = 0, ageMs } = held;
    this.emit(held, { type: 'acknowledged', tookMs, ageMs });
  }

  absorbed(held: HeldDelivery): void {
    if (this.events.wants('duplicate-absorbed')) this.emit(held, { type: 'duplicate-absorbed' });
  }

  emit(held: HeldDelivery, event: DeliveryEvent): void {
    const { topic, options } = this.consumer;
    this.events.emit({ ...event, topic: topic.name, group: options.group, bizId: held.bizId });
    noteOutcome(held, event);
  }

  about(error: unknown): AboutError {
    const { name: handler } = this.consumer;
    return {
      handler,
      error: describeError(error),
      stack: describeErrorAtLength(error),
      code: describeErrorCode(error),
    };
  }
}

type DeliveryEvent =
  | { type: 'delivered'; attempt: number; redelivered: boolean }
  | { type: 'acknowledged'; tookMs: number; ageMs: number }
  | { type: 'duplicate-absorbed' | 'lease-lost' }
  | { type: 'given-back'; reason: string; delayMs: number }
  | ({
      type: 'retry-scheduled';
      failures: number;
      attempts: number;
      requested: boolean;
      delayMs: number;
      tookMs: number;
    } & AboutError)
  | ({ type: 'dead-lettered'; reason: DeadLetterReason; tookMs: number | undefined } & AboutError)
  | { type: 'torn'; scenario: string; error: string }
  | ({ type: 'biz-id-conflict'; scenario: string } & BizIdConflict)
  | { type: 'commit-unknown' | 'ack-lost'; error: string };

interface AboutError {
  handler: string;
  error: string;
  stack: string;
  code: string | undefined;
}
