import { randomUUID } from 'node:crypto';
import octokit, { type WebhookDefinition } from '@octokit/webhooks-examples';

/** A webhook as GitHub sends it: the id stays the same however often it is sent. */
export interface Delivery {
  id: string;
  event: string;
  payload: unknown;
}

/** The package is a JSON file, which its types call the default export of a module. */
const definitions = octokit as unknown as WebhookDefinition[];

/** Every payload that the Octokit project has collected. */
export function recordedDeliveries(): Delivery[] {
  return definitions.flatMap(({ name, examples }) =>
    examples.map((payload) => ({ id: randomUUID(), event: name, payload })),
  );
}
