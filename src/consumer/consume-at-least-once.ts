import { AckMissingError } from '../errors/index.js';
import { decodePayload, validatePayload } from '../topic/index.js';
import { outsideTransaction } from '../transaction/index.js';
import type { ConsumptionDeps } from './consume-idempotently.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { atLeastOnceDelivery } from './delivery.js';
import type { HeldDelivery } from './held-delivery.js';
import { type Outcome, outcomeOfError } from './outcome.js';
import { withinTimeLimit } from './time-limit.js';

/** One attempt of an `@AtLeastOnceConsumer`: the handler does what it does, and ACKs. Nothing is deduplicated. */
export async function consumeAtLeastOnce(
  { connections, transport, caller }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
): Promise<Outcome> {
  const { dialect } = connections.database;
  let acked = false;
  try {
    const payload = await validatePayload(consumer.topic, decodePayload(held.claimed.body));
    const delivery = atLeastOnceDelivery(consumer, held, payload, async () => {
      // Its row is gone with the ACK, which would look like a lost lease to whoever renews it.
      held.settling = true;
      acked ||= await transport.acknowledge(held.claimed);
      held.settling = acked;
      return acked;
    });
    held.abandon = () => undefined;
    const handler = outsideTransaction(() => caller.call(consumer, payload, delivery));
    await withinTimeLimit(handler, held, { name: consumer.name, timeoutMs: consumer.settings.timeoutMs });
  } catch (error) {
    // What was acknowledged is done, whatever went wrong after it.
    return acked ? { kind: 'done' } : outcomeOfError(dialect, error);
  }
  if (acked) return { kind: 'done' };
  const error = new AckMissingError(
    `${consumer.name} returned without delivery.ack(), so its delivery comes again.`,
  );
  return { kind: 'failed', error };
}
