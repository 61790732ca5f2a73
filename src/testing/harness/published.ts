import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import { type AnyTopic, type PublishedBy, decodeHeaders, decodePayload } from '../../topic/index.js';
import { CommitBell } from '../../transaction/index.js';
import { interpose } from '../interpose.js';
import type { TestedRuntime } from './runtime-of.js';

/** What was published, and has committed. */
export interface PublishedMessage<Payload = unknown> {
  readonly topic: string;
  readonly bizId: string;
  readonly payload: Payload;
  readonly headers: ReadonlyMap<string, string>;
}

/** What is looked for among the messages of a topic. Left out: any. */
export interface PublishedExpectation<Payload = unknown> {
  bizId?: string;
  /** What the payload must have at least; each part of it is compared as a whole. */
  payload?: Partial<Payload>;
  /** How many there must be. @default at least one */
  times?: number;
}

/** The messages that this process has published since it began to look. */
export class Published {
  readonly close: () => void;
  private readonly committed: PublishedMessage[] = [];

  constructor({ dataSource, outbox, transport }: TestedRuntime) {
    const bell = new CommitBell<PublishedMessage[]>(dataSource, (notes) =>
      this.committed.push(...notes.flat()),
    );
    const undo = interpose(
      outbox ?? transport.colocated!,
      'put',
      (put) => async (runner, topic, messages, timing) => {
        await put(runner, topic, messages, timing);
        const noted = messages.map(({ bizId, body, headers }) => ({
          topic,
          bizId: bizId.toString('utf8'),
          payload: decodePayload(body),
          headers: decodeHeaders(headers),
        }));
        bell.expect(runner, noted);
      },
    );
    this.close = () => {
      undo();
      bell.close();
    };
  }

  of<T extends AnyTopic>({ name }: T): PublishedMessage<PublishedBy<T>>[] {
    return this.committed.filter(({ topic }) => topic === name) as PublishedMessage<PublishedBy<T>>[];
  }

  /** @throws AssertionError saying what was published */
  expect<T extends AnyTopic>(topic: T, expectation: PublishedExpectation<PublishedBy<T>>): void {
    const { times } = expectation;
    const found = this.of(topic).filter((message) => fits(message, expectation)).length;
    if (times === undefined ? found > 0 : found === times) return;
    const expected = times === undefined ? 'to be published' : `to be published ${times} times`;
    this.fail(topic, expectation, { expected, found, operator: 'expectPublished' });
  }

  /** @throws AssertionError saying what was published */
  expectNot<T extends AnyTopic>(topic: T, expectation: PublishedExpectation<PublishedBy<T>>): void {
    const found = this.of(topic).filter((message) => fits(message, expectation)).length;
    if (found === 0) return;
    this.fail(topic, expectation, { expected: 'not to be published', found, operator: 'expectNotPublished' });
  }

  private fail(
    topic: AnyTopic,
    { bizId, payload }: PublishedExpectation,
    { expected, found, operator }: { expected: string; found: number; operator: string },
  ): never {
    const wanted = [
      ...(bizId === undefined ? [] : [`biz-id ${bizId}`]),
      ...(payload === undefined ? [] : [`a payload with ${inspect(payload, { depth: 5 })}`]),
    ].join(' and ');
    const all = this.of(topic);
    const lines = all.map((message) => `\n  ${message.bizId}: ${inspect(message.payload, { depth: 5 })}`);
    const was = all.length === 0 ? 'Nothing was published on it.' : `Published on it:${lines.join('')}`;
    throw new AssertionError({
      message: `Expected ${topic.name}${wanted && ` with ${wanted}`} ${expected}; it was, ${found} times. ${was}`,
      actual: found,
      expected,
      operator,
    });
  }
}

function fits(message: PublishedMessage, { bizId, payload }: PublishedExpectation): boolean {
  if (bizId !== undefined && bizId !== message.bizId) return false;
  const got = message.payload as Record<string, unknown>;
  return Object.entries(payload ?? {}).every(([key, value]) => isDeepStrictEqual(got?.[key], value));
}
