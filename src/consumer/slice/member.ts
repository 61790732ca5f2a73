import { randomBytes } from 'node:crypto';
import { decodePayload, fingerprintOf } from '../../topic/index.js';
import type { ReadDelivery } from '../batch/batch.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import type { HeldDelivery } from '../held-delivery.js';
import { validated } from '../validated.js';
import type { Broken } from './sort-out.js';

/** A delivery of the slice that can be handled. */
export interface Member extends Broken, ReadDelivery {
  /** One for all: the witness knows them by it. */
  token: Buffer;
  fingerprint: Buffer | undefined;
}

/** Without those whose body can't be read: alone, they say why. */
export async function readMembers(
  { sources }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  slice: readonly HeldDelivery[],
): Promise<Member[]> {
  const token = randomBytes(16);
  const { settings, scenario } = consumer;
  const read = async (held: HeldDelivery): Promise<Member[]> => {
    try {
      const { bizId, seq, subscriptionId } = held.claimed;
      const body = decodePayload(held.claimed.body);
      const fingerprint = settings.fingerprint ? fingerprintOf(body) : undefined;
      const payload = await validated(consumer, held, body);
      const { id: sourceId } = sources.of(scenario, subscriptionId);
      return [{ held, payload, bizId, token, fingerprint, origin: { seq, sourceId }, progress: 'untouched' }];
    } catch {
      return [];
    }
  };
  return (await Promise.all(slice.map(read))).flat();
}
