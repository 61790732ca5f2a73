import { validatePayload } from '../topic/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { Stoppable } from './stoppable.js';
import { COMES_AGAIN, withinTimeLimit } from './time-limit.js';

/** Where a schema is awaited, no longer than a handler may take. */
export function validated(
  { name, topic, settings: { timeoutMs } }: DiscoveredConsumer,
  held: Stoppable,
  body: unknown,
): Promise<unknown> {
  return withinTimeLimit(validatePayload(topic, body), held, {
    name: `The schema of ${name}`,
    timeoutMs,
    consequence: COMES_AGAIN,
  });
}
