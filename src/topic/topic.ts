import type { StandardSchemaV1 } from './standard-schema.js';

declare const payloadOfTopic: unique symbol;

/** What publishers and consumers of a topic agree on. Made by {@link defineTopic}. */
export interface Topic<Input = unknown, Output = Input> {
  readonly name: string;
  /** Reads the biz-id from a body as published. */
  readonly bizId: (payload: Input) => string;
  /** Checks the body, and turns it into what handlers get. */
  readonly schema?: StandardSchemaV1<Input, Output>;
  /** Phantom: carries the types, never there at run time. */
  readonly [payloadOfTopic]?: { input: Input; output: Output };
}

/** A topic whose payload types don't matter where it stands. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- bizId takes the payload, so no narrower type accepts every topic
export type AnyTopic = Topic<any, any>;

/** What handlers of the topic get: the schema's output where the topic has a schema, else the body as published. */
export type PayloadOf<T extends AnyTopic> = T extends Topic<infer _Input, infer Output> ? Output : never;

/** What publishers of the topic pass. */
export type PublishedBy<T extends AnyTopic> = T extends Topic<infer Input, infer _Output> ? Input : never;
