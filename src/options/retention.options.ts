import { JUDGED_FROM_MS } from '../consumer/index.js';
import { InvalidOptionError } from '../errors/index.js';
import { NAME_RULE, isName } from '../topic/index.js';
import { type RelayOptions, relayOptions } from './relay.options.js';
import { DAY_MS, MAX_WAIT_MS, whole } from './values.js';

/** What is kept for how long. */
export interface RetentionOptions {
  /**
   * How long a message waits for a first group to subscribe before it is dead-lettered, in milliseconds from 60000. Longer
   * than a deploy that brings a new topic's publisher before its consumer.
   *
   * @default 7 days
   */
  unroutedMs?: number;
  /**
   * How long the broker remembers an inner-msg-id that a relay sent, in milliseconds. What is sent again later is
   * quarantined. It has to be much longer than a message may take to get through.
   *
   * @default 7 days
   */
  innerMsgIdWindowMs?: number;
  /**
   * How long a biz-id is known after it took effect, in milliseconds: repeats that land within this time are absorbed. At
   * least `slackMs`; with a broker apart, at least `slackMs` and `innerMsgIdWindowMs` together.
   *
   * @default 30 days
   */
  dedupMs?: number;
  /**
   * Longer than the longest transaction that publishes, in milliseconds from an hour. What such a transaction publishes
   * that was open for longer may not be run, but be dead-lettered (`too-old-to-judge`).
   *
   * @default a day
   */
  slackMs?: number;
  /** Scenarios of `IdempotentExecutor` that have a time of their own in place of `dedupMs`, in milliseconds from 60000. @default none */
  executors?: Readonly<Record<string, number>>;
  /** How long a dead letter is kept for somebody to decide about it, in milliseconds from 60000. @default 90 days */
  deadLetterMs?: number;
  /** How long a quarantined copy is kept for somebody to decide about it, in milliseconds from 60000. @default 90 days */
  quarantineMs?: number;
}

/**
 * Two sweeps. Less is a mistaken unit (7, for days), or means that a first publish is given up on while its consumer's
 * process still starts.
 */
export const MIN_UNROUTED_MS = 60_000;
/** Less is a mistaken unit (90, for days). */
export const MIN_RETENTION_MS = 60_000;
/** The answer to a claim may be long on its way, and a delivery must not be taken for younger than it is. */
const MIN_SLACK_MS = 2 * JUDGED_FROM_MS;
const RESENDS_A_WINDOW = 20;

/** A message must get many chances before its id is forgotten, or an outage of the network would fill the quarantine. */
export function windowOption(
  value: number | undefined,
  { retry, ackTimeoutMs }: ReturnType<typeof relayOptions>,
) {
  const windowMs = whole('retention.innerMsgIdWindowMs', value, 7 * DAY_MS, MAX_WAIT_MS);
  refuseShortWindow('retention.innerMsgIdWindowMs', windowMs, { retry, ackTimeoutMs });
  return windowMs;
}

/** @throws InvalidOptionError where a relay could not send the same again often enough while its id is known */
export function refuseShortWindow(
  option: string,
  windowMs: number,
  { retry, ackTimeoutMs }: Pick<ReturnType<typeof relayOptions>, 'retry' | 'ackTimeoutMs'>,
): void {
  const least = RESENDS_A_WINDOW * (retry.maxDelayMs + ackTimeoutMs);
  if (windowMs >= least) return;
  throw new InvalidOptionError(
    option,
    windowMs,
    `at least ${RESENDS_A_WINDOW} times relay.maxDelayMs and relay.ackTimeoutMs together (${least}): raise it, or lower those`,
  );
}

/**
 * A biz-id must be known for longer than its message may take to be seen, or every repeat that was on its way would be too
 * old to judge. And after a broker's database was restored from a backup, what is still in outboxes lands again, as much
 * later as their inner-msg-ids are good for.
 */
export function dedupRetention({
  broker,
  relay = {},
  retention = {},
}: {
  broker?: unknown;
  relay?: RelayOptions;
  retention?: RetentionOptions;
}) {
  const slackMs = whole('retention.slackMs', retention.slackMs, DAY_MS, MAX_WAIT_MS, MIN_SLACK_MS);
  const dedupMs = whole('retention.dedupMs', retention.dedupMs, 30 * DAY_MS, MAX_WAIT_MS);
  const windowMs = broker ? windowOption(retention.innerMsgIdWindowMs, relayOptions(relay)) : 0;
  if (dedupMs < slackMs + windowMs) {
    const parts = broker
      ? 'retention.slackMs and retention.innerMsgIdWindowMs together'
      : 'retention.slackMs';
    throw new InvalidOptionError(
      'retention.dedupMs',
      dedupMs,
      `at least ${parts} (${slackMs + windowMs}): raise it, or lower ${broker ? 'those' : 'that'}`,
    );
  }
  return { dedupMs, slackMs, executors: executorRetention(retention.executors) };
}

function executorRetention(value: unknown = {}): Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidOptionError(
      'retention.executors',
      value,
      'an object with a number of milliseconds for each scenario',
    );
  }
  for (const [scenario, ms] of Object.entries(value as Record<string, number>)) {
    if (!isName(scenario)) throw new InvalidOptionError('retention.executors', scenario, NAME_RULE);
    whole(`retention.executors['${scenario}']`, ms, 0, MAX_WAIT_MS, MIN_RETENTION_MS);
  }
  return { ...(value as Record<string, number>) };
}
