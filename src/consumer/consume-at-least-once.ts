import { AckMissingError } from '../errors/index.js';
import { decodePayload, validatePayload } from '../topic/index.js';
import { outsideTransaction } from '../transaction/index.js';
import type { ConsumptionDeps } from './consume-idempotently.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { atLeastOnceDelivery } from './delivery.js';
import type { HeldDelivery } from './held-delivery.js';
import { type Outcome, outcomeOfHandler } from './outcome.js';
import { COMES_AGAIN, withinTimeLimit } from './time-limit.js';

/** One attempt of an `@AtLeastOnceConsumer`: the handler does what it does, and ACKs. Nothing is deduplicated. */
export async function consumeAtLeastOnce(
  { connections, transport, caller }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
): Promise<Outcome> {
  const { dialect } = connections.database;
  let acking = Promise.resolve(false);
  const takeAck = async () => {
    // Its row is gone with the ACK, which would look like a lost lease to whoever renews it.
    held.settling = true;
    let acked = false;
    try {
      return (acked = await transport.acknowledge(held.claimed));
    } finally {
      held.settling = acked;
    }
  };
  let failure: { error: unknown } | undefined;
  try {
    const validated = validatePayload(consumer.topic, decodePayload(held.claimed.body));
    const payload = await withinTimeLimit(validated, held, {
      name: `The schema of ${consumer.name}`,
      timeoutMs: consumer.settings.timeoutMs,
      consequence: COMES_AGAIN,
    });
    const delivery = atLeastOnceDelivery(consumer, held, payload, () => {
      acking = acking.then((acked) => acked || takeAck(), takeAck);
      return acking;
    });
    held.signal.throwIfAborted();
    // Its schema may have taken long.
    if (held.isExpired) return { kind: 'expired' };
    held.abandon = () => undefined;
    const handler = outsideTransaction(() => caller.call(consumer, payload, delivery));
    await withinTimeLimit(handler, held, {
      name: consumer.name,
      timeoutMs: consumer.settings.timeoutMs,
      consequence: COMES_AGAIN,
    });
  } catch (error) {
    failure = { error };
  }
  // What was acknowledged is done, whatever went wrong after it, and also when nobody awaited the ACK.
  if (await acking.catch(() => false)) return { kind: 'done' };
  if (failure) return outcomeOfHandler(dialect, failure.error);
  const error = new AckMissingError(
    `${consumer.name} returned without delivery.ack(), so its delivery comes again.`,
  );
  return { kind: 'failed', error };
}
