import { InvalidPayloadError } from '../errors/index.js';
import { describeIssues } from './standard-schema.js';
import type { AnyTopic } from './topic.js';

/**
 * Checks a body against the topic's schema and returns the schema's output; without a schema, the body itself.
 *
 * @param what how messages name it
 * @throws InvalidPayloadError listing each problem
 */
export async function validatePayload(
  topic: AnyTopic,
  body: unknown,
  what = 'the payload',
): Promise<unknown> {
  if (!topic.schema) return body;
  const result = await topic.schema['~standard'].validate(body);
  if (result.issues) {
    throw new InvalidPayloadError(
      `Topic ${topic.name}: ${what} does not fit the schema: ${describeIssues(result.issues)}.`,
    );
  }
  return result.value;
}
