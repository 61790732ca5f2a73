import type { GuardedSpan, GuardedTracing } from '../tracing/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import type { SliceResult } from './slice/manner.js';

/** Events that say what has become of a delivery that is not done with, or is one of the dead letters. */
const SET_ASIDE: ReadonlySet<string> = new Set([
  ...['retry-scheduled', 'given-back', 'dead-lettered'],
  ...['lease-lost', 'ack-lost', 'commit-unknown'],
]);

/** The span of an attempt is in the trace of the publish, whichever attempt it is. */
export function beginSpan(
  tracing: GuardedTracing | undefined,
  { topic, options }: DiscoveredConsumer,
  held: HeldDelivery,
): void {
  if (!tracing) return;
  const { claimed, bizId, attempt, claimedAtWall: claimedAt } = held;
  const innerMsgId = claimed.innerMsgId.toString('hex');
  const about = { topic: topic.name, group: options.group, bizId, innerMsgId, attempt, claimedAt };
  held.span = tracing.handle(about, claimed);
}

/** Of a delivery that has not been handled: in the words of the event that tells it. */
export function noteOutcome({ span }: HeldDelivery, event: { type: string; reason?: string }): void {
  if (!span || !SET_ASIDE.has(event.type)) return;
  const { type: outcome, reason } = event;
  span.note(outcome === 'dead-lettered' && reason !== undefined ? { outcome, reason } : { outcome });
}

export function endSpan({ span }: HeldDelivery, outcome: Outcome): void {
  if (!span) return;
  if (outcome.kind === 'done') span.note({ outcome: 'acknowledged' });
  if (outcome.kind === 'absorbed') span.note({ outcome: 'duplicate-absorbed' });
  // To be asked for again later is no failure.
  span.end('error' in outcome && outcome.kind !== 'later' ? outcome.error : undefined);
}

/** What several deliveries have in common that are handled together, linked with the spans of each. */
export function togetherSpan(
  tracing: GuardedTracing | undefined,
  { topic, options, settings }: DiscoveredConsumer,
  several: readonly HeldDelivery[],
): GuardedSpan | undefined {
  if (!tracing || several.length < 2) return undefined;
  const manner = settings.batch ? 'batch' : 'transaction';
  return tracing.handleTogether(
    { topic: topic.name, group: options.group, count: several.length, manner },
    several.map(({ span }) => span),
  );
}

export function attemptInSpan(
  span: GuardedSpan,
  several: readonly HeldDelivery[],
  attempt: () => Promise<SliceResult>,
): Promise<SliceResult> {
  return span.during(attempt, ({ outcomes }) => {
    const areDone = several.every((held) => outcomes.get(held)?.kind === 'done');
    return { outcome: areDone ? 'acknowledged' : 'incomplete' };
  });
}
