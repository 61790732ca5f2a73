import type { IdempotentMqEvent } from '../../events/index.js';
import type { Tone } from '../wire.js';

type Type = IdempotentMqEvent['type'];
type Of<T extends Type> = Extract<IdempotentMqEvent, { type: T }>;
type Telling<T extends Type> = readonly [Tone, (event: Of<T>) => string];

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** The events that an operator wants to read, in words. What passes in thousands a second is counted instead. */
const TELLINGS: { readonly [T in Type]?: Telling<T> } = {
  'resend-absorbed': ['good', () => 'Sent again, and it was there: absorbed by the upper half.'],
  'duplicate-absorbed': ['good', () => 'Came again, and had its effect: absorbed by the lower half.'],
  'ack-missed': ['warn', ({ sends, delayMs }) => `No ACK for send ${sends}: again in ${seconds(delayMs)}.`],
  refused: ['bad', () => 'The broker does not take it.'],
  quarantined: ['bad', ({ reason }) => `In quarantine (${reason}): nobody can tell whether it is a repeat.`],
  'relay-error': ['bad', ({ at }) => `The relay can’t reach the ${at}.`],
  'relay-recovered': ['good', () => 'The relay goes on.'],
  unrelayed: ['warn', ({ waitedMs }) => `In the outbox for ${seconds(waitedMs)}, and no relay takes it up.`],
  parked: ['warn', ({ count }) => `${count} parked: no group subscribes to the topic.`],
  'retry-scheduled': [
    'warn',
    ({ requested, failures, attempts, delayMs }) =>
      requested
        ? `Its handler asks for it again in ${seconds(delayMs)}.`
        : `Failed ${failures} of ${attempts} times, again in ${seconds(delayMs)}.`,
  ],
  'dead-lettered': ['bad', ({ reason }) => `Dead (${reason}).`],
  'lease-lost': ['warn', () => 'Its lease was lost: it comes again.'],
  'ack-lost': ['warn', () => 'Its effect is durable, and its ACK got lost: it comes again, and is absorbed.'],
  'commit-unknown': ['warn', () => 'Nobody knows whether it was committed: it comes again.'],
  'biz-id-conflict': ['bad', () => 'This biz-id had its effect before, with another body.'],
  'worker-error': ['bad', () => 'The worker can’t go on.'],
  'worker-recovered': ['good', () => 'The worker goes on.'],
  'message-missing': ['bad', () => 'A message was deleted by hand; its delivery was dropped.'],
  'group-removed': [
    'warn',
    ({ deliveries, deadLetters }) =>
      `The group was removed, with ${deliveries} deliveries and ${deadLetters} dead letters.`,
  ],
  'outbox-restored': ['warn', () => 'The outbox was restored from a backup: what is in it keeps its ids.'],
  'forgetting-held': ['warn', ({ scenario, reason }) => `Nothing of ${scenario} is forgotten (${reason}).`],
  'forgetting-resumed': ['good', ({ scenario }) => `What is old of ${scenario} is forgotten again.`],
  'clock-jumped': ['bad', ({ byMs }) => `The broker’s clock jumped by ${seconds(byMs)}.`],
  'old-transaction': [
    'warn',
    ({ connectionId, openMs }) =>
      `Connection ${connectionId} has had a transaction open for ${seconds(openMs)}: nothing is purged.`,
  ],
  'contract-changed': ['warn', ({ was, now }) => `The topic’s bizId was ${was} and is ${now}.`],
  'scenario-changed': ['warn', ({ was, now }) => `The group’s scenario was ${was} and is ${now}.`],
  'dedup-database-changed': ['bad', () => 'The group deduplicates in another database than before.'],
  forgotten: ['plain', ({ what, count }) => `${count} ${what.replaceAll('-', ' ')} forgotten.`],
};

/** @returns undefined for what is not told. The error stands apart: it may quote what nobody is to see. */
export function tell(event: IdempotentMqEvent): { tone: Tone; text: string; error?: string } | undefined {
  const telling = TELLINGS[event.type] as Telling<never> | undefined;
  if (!telling) return undefined;
  const [tone, text] = telling;
  return { tone, text: text(event as never), ...('error' in event && { error: event.error }) };
}
