import { printable } from './errors/index.js';
import type { IdempotentMqEventOf as Of, IdempotentMqEvents } from './events/index.js';
import { type After, LinesAMinute } from './lines-a-minute.js';
import { type LineLogger, printableLogger } from './printable-logger.js';

/** What is told here. Of what else happens nothing is made for the log. */
const TOLD = [
  'consuming',
  'contract-changed',
  'scenario-changed',
  'dedup-database-changed',
  'biz-id-conflict',
  'torn',
  'parked',
  'retry-scheduled',
  'dead-lettered',
  'message-missing',
  'group-removed',
  'forgetting-held',
  'forgetting-resumed',
  'forgotten',
  'worker-error',
  'worker-recovered',
] as const;

/** What an operator must hear of without having subscribed to anything: one line a change, not one a failure. */
export function logEvents(
  events: Pick<IdempotentMqEvents, 'of'>,
  unguarded: LineLogger,
  after?: After,
): void {
  const logger = printableLogger(unguarded);
  const firstFailures = new LinesAMinute(
    (line) => logger.warn(line),
    (handler) => `first failures of ${handler}`,
    after,
  );
  const conflicts = new LinesAMinute(
    (line) => logger.warn(line),
    (scenario) => `conflicts of the scenario ${scenario}`,
    after,
  );
  const torn = new LinesAMinute(
    (line) => logger.error(line),
    (scenario) => `torn runs of the scenario ${scenario}`,
    after,
  );
  const failing = new Set<string>();
  const unheard = new Set<string>();
  const parking = new Set<string>();
  const log = (event: Of<(typeof TOLD)[number]>) => {
    switch (event.type) {
      case 'consuming':
        logger.log(`Consuming: ${event.handler}`);
        return;
      case 'contract-changed':
        logger.warn(contractChanged(event));
        return;
      case 'scenario-changed':
        logger.warn(scenarioChanged(event));
        return;
      case 'dedup-database-changed':
        logger.warn(dedupDatabaseChanged(event));
        return;
      case 'biz-id-conflict':
        // A delivery's is told by its dead letter.
        if (event.group === undefined) conflicts.add(event.scenario, () => conflict(event));
        return;
      case 'torn':
        if (event.group === undefined) torn.add(event.scenario, () => event.error);
        return;
      case 'parked':
        if (!isNew(parking, event.topic)) return;
        logger.warn(
          `${event.topic} has no group yet: its messages are kept for one (parked). ` +
            "Is its consumer's class in the providers of a module, in some process with roles.consume on?",
        );
        return;
      case 'retry-scheduled':
        if (event.failures === 1 && !event.requested)
          firstFailures.add(event.handler, () => firstFailure(event));
        return;
      case 'dead-lettered':
        if (event.reason === 'expired') {
          logger.warn(
            `Expired: ${printable(event.bizId)} for ${event.handler}; it is in the dead letters. ${event.error}`,
          );
        } else if (event.reason !== 'unrouted') {
          logger.error(deadLetter(event));
        } else if (isNew(unheard, event.topic)) {
          logger.error(
            `Dead letters (unrouted) of ${event.topic}, beginning with ${printable(event.bizId)}: ${event.error}`,
          );
        }
        return;
      case 'message-missing':
        logger.error(
          `Message ${event.seq} was deleted by hand, so its delivery to subscription ${event.subscriptionId} was dropped.`,
        );
        return;
      case 'group-removed':
        logger.log(
          `Removed: group ${event.group} of ${event.topic}, with ${event.deliveries} deliveries and ${event.deadLetters} dead letters.`,
        );
        return;
      case 'forgetting-held':
        logger.warn(`Nothing of the scenario ${event.scenario} is forgotten: ${event.error}.`);
        return;
      case 'forgetting-resumed':
        logger.log(`What is old enough of the scenario ${event.scenario} is forgotten again.`);
        return;
      case 'forgotten':
        if (event.what === 'dead-letters' || event.what === 'quarantined-copies') {
          logger.log(`Forgotten: ${event.count} ${event.what} that nobody had decided about in time.`);
        }
        return;
      case 'worker-error': {
        const worker = `${event.group} of ${event.topic}`;
        if (isNew(failing, worker)) {
          const what = event.bizId
            ? `${event.handler} could not be run for ${printable(event.bizId)}, which comes again`
            : `The worker of ${worker} could not do its work, and keeps trying`;
          logger.warn(`${what}: ${event.error}`);
        }
        return;
      }
      case 'worker-recovered':
        if (!failing.delete(`${event.group} of ${event.topic}`)) return;
        logger.log(`The worker of ${event.group} of ${event.topic} works again.`);
        return;
    }
  };
  events.of(...TOLD).subscribe({
    next: log,
    complete: () => [firstFailures, conflicts, torn].forEach((lines) => lines.close()),
  });
}

function isNew(known: Set<string>, name: string): boolean {
  const isNew = !known.has(name);
  known.add(name);
  return isNew;
}

/** The failures that follow are told by the dead letter, or not at all: then it has succeeded. */
function firstFailure({ handler, bizId, attempts, delayMs, stack }: Of<'retry-scheduled'>): string {
  const wait = delayMs < 100 ? `${delayMs} ms` : `${(delayMs / 1000).toFixed(delayMs < 10_000 ? 1 : 0)} s`;
  return `${handler} failed for ${printable(bizId)}, attempt 1 of ${attempts}, again in ${wait}: ${stack}`;
}

function deadLetter({ reason, handler, bizId, topic, group, error, stack }: Of<'dead-lettered'>): string {
  const whose = handler ?? `group ${group}, topic ${topic}`;
  const why = reason === 'process-lost' ? error : (stack ?? error);
  // A requeue of these meets the same answer.
  const does = ['biz-id-conflict', 'too-old-to-judge'].includes(reason) ? 'lists' : 'lists and requeues';
  return `Dead letter (${reason}): ${printable(bizId)} for ${whose}; broker.deadLetters ${does} it: ${why}`;
}

function conflict({
  bizId,
  scenario,
  fingerprint,
  knownFingerprint,
  tookEffectAt,
}: Of<'biz-id-conflict'>): string {
  return (
    `IdempotentExecutor was called for ${printable(bizId)} of the scenario ${scenario} with another fingerprint (${fingerprint}) than ` +
    `when that took effect at ${tookEffectAt.toISOString()} (${knownFingerprint}): its caller got BIZ_ID_CONFLICT.`
  );
}

function scenarioChanged({ topic, group, was, now }: Of<'scenario-changed'>): string {
  return (
    `Group ${group} has another scenario for ${topic} than before: ${now}, and it was ${was}. ` +
    'What took effect under that one is not known to this one, so a repeat of it takes effect again. ' +
    'If that is not meant, give it the former scenario again. See docs/changing-the-contract.md#naming-a-scenario-that-has-a-history. This is said once a change.'
  );
}

function contractChanged({ topic, group, was, now }: Of<'contract-changed'>): string {
  return (
    `The bizId of ${topic} is not what it was when group ${group} last started: it was ${was}, and is ${now}. ` +
    'If it gives the same ids as before (it is written otherwise, or another build prints it so), there is nothing to do. ' +
    'If not, an id of the new kind may equal one of the old kind, and its message would be skipped as a repeat: give the new kind a topic, or a scenario, of its own. ' +
    'See docs/changing-the-contract.md. This is said once a change.'
  );
}

function dedupDatabaseChanged({ topic, group, was, now, lastSeenAt }: Of<'dedup-database-changed'>): string {
  return (
    `Group ${group} of ${topic} deduplicates in more than one database: here in ${now}, and the consumer that subscribed before this one, at ${lastSeenAt.toISOString()}, in ${was} (origin in mq_outbox_origin). ` +
    'What took effect by that one is not known here, and would take effect again if its message came again. ' +
    'Two deployments of one service need one database, or a group each; where the group was moved, take its dedup log along. ' +
    'See docs/operations.md, "A group in two databases". This is said once a change.'
  );
}
