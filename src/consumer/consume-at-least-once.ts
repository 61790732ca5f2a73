import { AckMissingError } from '../errors/index.js';
import { decodePayload } from '../topic/index.js';
import { outsideTransaction } from '../transaction/index.js';
import type { ConsumptionDeps } from './consume-idempotently.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { atLeastOnceDelivery } from './delivery.js';
import type { HeldDelivery } from './held-delivery.js';
import { type Outcome, outcomeOfHandler } from './outcome.js';
import { OwnAck } from './own-ack.js';
import { COMES_AGAIN, withinTimeLimit } from './time-limit.js';
import { validated } from './validated.js';

/** One attempt of an `@AtLeastOnceConsumer`: the handler does what it does, and ACKs. Nothing is deduplicated. */
export async function consumeAtLeastOnce(
  { connections, transport, caller }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
): Promise<Outcome> {
  const { dialect } = connections.database;
  const ack = new OwnAck(transport, held);
  let failure: { error: unknown } | undefined;
  try {
    const payload = await validated(consumer, held, decodePayload(held.claimed.body));
    const delivery = atLeastOnceDelivery(consumer, held, payload, () => ack.take());
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
  if (await ack.wasTaken()) return { kind: 'done' };
  if (failure) return outcomeOfHandler(dialect, failure.error);
  const error = new AckMissingError(
    `${consumer.name} returned without delivery.ack(), so its delivery comes again.`,
  );
  return { kind: 'failed', error };
}
