import { InvalidTopicError, describeValue } from '../errors/index.js';
import { NAME_RULE, isName } from './check-topic.js';
import type { SendableBody } from './sendable.js';
import type { StandardSchemaV1 } from './standard-schema.js';
import type { Topic } from './topic.js';

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
export function defineTopic<Input extends SendableBody<Input>, Output = Input>(
  definition: TopicDefinition<Input, Output>,
): Topic<Input, Output> {
  const { name, bizId, schema, ...unknown } = definition;
  if (!isName(name)) {
    throw new InvalidTopicError(`A topic's name must be ${NAME_RULE} (got ${describeValue(name)}).`);
  }
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) {
    throw new InvalidTopicError(
      `Topic ${name}: ${stray} is nothing that a topic has. Known are name, bizId, schema.`,
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
  noteDefinition(name, bizId);
  return Object.freeze({ name, bizId, ...(schema ? { schema } : {}) });
}

/**
 * The names of all topics defined so far in this process. They are registered with the broker at start, because a
 * business transaction is no place to create one.
 */
export function definedTopicNames(): readonly string[] {
  return [...definitions().keys()];
}

/** Topics that were defined more than once, with another way to read the biz-id each time. */
export function ambiguousTopicNames(): readonly string[] {
  return [...definitions()].filter(([, bizIds]) => bizIds.size > 1).map(([name]) => name);
}

/**
 * Each topic's bizId functions, as text: the same definition may rightly be there twice, when a process loads two copies
 * of a contract (ESM and CommonJS, a reset module).
 */
function definitions(): Map<string, Set<string>> {
  const key = Symbol.for('nestjs-idempotent-mq.defined-topics');
  const registry = globalThis as { [key: symbol]: Map<string, Set<string>> | undefined };
  return (registry[key] ??= new Map<string, Set<string>>());
}

function noteDefinition(name: string, bizId: (payload: never) => string): void {
  const bizIds = definitions().get(name) ?? new Set();
  definitions().set(name, bizIds.add(Function.prototype.toString.call(bizId)));
}
