import { AckMissingError } from '../../errors/index.js';
import { decodePayload } from '../../topic/index.js';
import { outsideTransaction } from '../../transaction/index.js';
import type { ConsumptionDeps } from '../consume-idempotently.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import type { HeldDelivery } from '../held-delivery.js';
import { type Outcome, outcomeOfHandler } from '../outcome.js';
import { OwnAck } from '../own-ack.js';
import { type SliceResult, halves } from '../slice/manner.js';
import { COMES_AGAIN, withinTimeLimit } from '../time-limit.js';
import { validated } from '../validated.js';
import { type ReadDelivery, atLeastOnceBatch, payloadsOf } from './batch.js';
import { Together } from './together.js';
import { Verdicts } from './verdicts.js';

/**
 * One attempt of a batch of an `@AtLeastOnceConsumer`, which may have one delivery. What it acknowledges is done, and what
 * it says something of ends so. The others are run again: without those, or in halves where it is not known whose fault it was.
 */
export async function consumeBatchAtLeastOnce(
  deps: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  batch: readonly HeldDelivery[],
): Promise<SliceResult> {
  const { dialect } = deps.connections.database;
  const outcomes = new Map<HeldDelivery, Outcome>();
  const members: ReadDelivery[] = [];
  const read = async (held: HeldDelivery) => {
    try {
      const payload = await validated(consumer, held, decodePayload(held.claimed.body));
      held.signal.throwIfAborted();
      // Its schema may have taken long.
      if (held.isExpired) outcomes.set(held, { kind: 'expired' });
      else members.push({ held, payload });
    } catch (error) {
      outcomes.set(held, outcomeOfHandler(dialect, error));
    }
  };
  await Promise.all(batch.map(read));
  // In their order, whichever was read first.
  const handled = batch.flatMap((held) => members.find((member) => member.held === held) ?? []);
  if (handled.length === 0) return { outcomes, next: [] };
  const { acks, verdicts, error } = await callHandler(deps, consumer, handled);
  for (const { held } of handled) {
    const answer = await acks.get(held)!.answer();
    if (answer === 'taken') outcomes.set(held, { kind: 'done' });
    else if (answer === 'lease-lost') outcomes.set(held, { kind: 'lease-lost' });
    else if (answer) outcomes.set(held, outcomeOfHandler(dialect, answer.error));
    else if (verdicts.said.has(held)) outcomes.set(held, outcomeOfHandler(dialect, verdicts.said.get(held)));
    else if (held.abortedBy || batch.length === 1) outcomes.set(held, outcomeOfHandler(dialect, error));
  }
  const others = handled.map(({ held }) => held).filter((held) => !outcomes.has(held));
  return { outcomes, next: others.length < handled.length ? [others] : halves(others) };
}

async function callHandler(
  { transport, caller, onStray }: ConsumptionDeps,
  consumer: DiscoveredConsumer,
  members: readonly ReadDelivery[],
): Promise<{ acks: Map<HeldDelivery, OwnAck>; verdicts: Verdicts; error: unknown }> {
  const all = members.map(({ held }) => held);
  const acks = new Map(all.map((held) => [held, new OwnAck(transport, held)]));
  const verdicts = new Verdicts(onStray);
  const together = new Together(all);
  together.abandon = () => undefined;
  const context = atLeastOnceBatch(consumer, members, {
    signal: together.signal,
    verdicts,
    acknowledge: (held) => acks.get(held)!.take(),
  });
  const { name, settings } = consumer;
  try {
    const handler = outsideTransaction(() => caller.call(consumer, payloadsOf(members), context));
    const limit = { name, timeoutMs: settings.timeoutMs, consequence: COMES_AGAIN };
    await withinTimeLimit(handler, together, limit);
    const missing = `${name} returned without batch.ack(), so what it has not acknowledged comes again.`;
    return { acks, verdicts, error: new AckMissingError(missing) };
  } catch (error) {
    return { acks, verdicts, error };
  } finally {
    verdicts.close();
    together.part();
  }
}
