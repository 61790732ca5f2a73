import { InvalidTopicError, describeValue } from '../errors/index.js';
import type { StandardSchemaV1 } from './standard-schema.js';
import type { Topic } from './topic.js';

const TOPIC_NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/;

export interface TopicDefinition<Input, Output = Input> {
  /** 1 to 200 ASCII letters, digits and `. _ : -`. It is the topic's name in the contract and in the database: keep it. */
  name: string;
  /** Reads the biz-id from the body; called when publishing too, so that a body without one never leaves. */
  bizId: (payload: NoInfer<Input>) => string;
  /** Any Standard Schema (zod, valibot, arktype …). Publishers pass its input, handlers get its output. */
  schema?: StandardSchemaV1<Input, Output>;
}

/**
 * Defines what the publishers and the consumers of a topic agree on.
 *
 * @throws InvalidTopicError naming what is wrong and what came
 */
export function defineTopic<Input, Output = Input>(
  definition: TopicDefinition<Input, Output>,
): Topic<Input, Output> {
  const { name, bizId, schema } = definition;
  if (typeof name !== 'string' || !TOPIC_NAME.test(name)) {
    throw new InvalidTopicError(
      `A topic's name must be 1 to 200 ASCII letters, digits and . _ : - (got ${describeValue(name)}).`,
    );
  }
  if (typeof bizId !== 'function') {
    throw new InvalidTopicError(
      `Topic ${name}: bizId must be a function that reads the biz-id from the payload (got ${describeValue(bizId)}).`,
    );
  }
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new InvalidTopicError(
      `Topic ${name}: schema must be a Standard Schema, such as one of zod, valibot or arktype (got ${describeValue(schema)}).`,
    );
  }
  definedTopicNames().add(name);
  return Object.freeze({ name, bizId, ...(schema ? { schema } : {}) });
}

/**
 * The names of all topics defined so far in this process. They are registered with the broker at start, because a
 * business transaction is no place to create one.
 */
export function definedTopicNames(): Set<string> {
  const key = Symbol.for('nestjs-idempotent-mq.defined-topics');
  const registry = globalThis as { [key: symbol]: Set<string> | undefined };
  return (registry[key] ??= new Set());
}
