import { InvalidOptionError } from '../errors/index.js';
import type { AnyTopic } from './topic.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/;

/** What a name of the contract looks like: it fits its column and its index, and a log line shows it as it is. */
export const NAME_RULE = '1 to 200 ASCII letters, digits and . _ : -';

export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/**
 * A topic may have been made by hand, or by another copy of the library.
 *
 * @throws InvalidOptionError unless it is one that defineTopic could have made
 */
export function checkTopic(option: string, topic: AnyTopic | null | undefined): asserts topic is AnyTopic {
  if (typeof topic?.name !== 'string' || typeof topic.bizId !== 'function') {
    throw new InvalidOptionError(option, topic, 'a topic made by defineTopic()');
  }
  if (!isName(topic.name)) {
    throw new InvalidOptionError(option, topic.name, `a topic made by defineTopic(), named by ${NAME_RULE}`);
  }
}
