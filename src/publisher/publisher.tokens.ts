import { Inject } from '@nestjs/common';
import { OutboxPublisher } from './outbox-publisher.js';

/** The injection token of a named instance's publisher; the class itself for the instance without a name. */
export function getOutboxPublisherToken(name?: string) {
  // Symbol.for: the ESM and the CommonJS copy of this file must mean the same token.
  return name === undefined ? OutboxPublisher : Symbol.for(`nestjs-idempotent-mq:OutboxPublisher:${name}`);
}

/** Injects the publisher of the instance that was registered under this name. */
export function InjectOutboxPublisher(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getOutboxPublisherToken(name));
}
