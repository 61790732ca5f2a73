import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';

/*
 * Streams and consumers may be changed at the server by whoever may do so. What is written here are the settings with which
 * JetStream would lose messages, or their order, without telling anybody.
 */

const NANOSECONDS = 1e6;

/** @returns what is wrong with it, and what it has to be */
export function whatLosesOfStream(
  config: StreamConfig,
  { duplicateWindowMs, keepMs, plain }: { duplicateWindowMs: number; keepMs: number; plain: string },
): string[] {
  const { storage, retention, max_age, duplicate_window, discard, subjects } = config;
  const millis = (nanoseconds: number) => nanoseconds / NANOSECONDS;
  const limited = (['max_msgs', 'max_bytes', 'max_msgs_per_subject'] as const).filter(
    (limit) => config[limit] > 0,
  );
  return [
    storage !== 'file' && `storage is ${storage}: a restart of the server would lose all; it has to be file`,
    retention !== 'limits' &&
      `retention is ${retention}: after a restart it would not know the ids of what is gone; it has to be limits`,
    max_age > 0 &&
      millis(max_age) < keepMs &&
      `max_age is ${millis(max_age)} ms: what is older is thrown away, handled or not; it has to be at least keepMs (${keepMs})`,
    millis(duplicate_window) < duplicateWindowMs &&
      `duplicate_window is ${millis(duplicate_window)} ms: what is sent again later would be stored twice; it has to be at least duplicateWindowMs (${duplicateWindowMs})`,
    limited.length > 0 &&
      (discard !== 'new' || config.max_msgs_per_subject > 0) &&
      `${limited.join(' and ')} with discard: ${discard} would throw away what is not handled yet; discard has to be new, and max_msgs_per_subject -1`,
    config.no_ack && 'no_ack is set: nobody would know whether a message is stored',
    config.subject_transform && 'subject_transform is set: its consumers would not see what is sent',
    !subjects?.includes(plain) && `its subjects have no ${plain}`,
  ].filter((problem): problem is string => typeof problem === 'string');
}

/** @returns what is wrong with it, and what it has to be */
export function whatLosesOfConsumer(
  config: ConsumerConfig,
  { subject, keyed }: { subject: string; keyed: boolean },
): string[] {
  const { ack_policy, max_deliver = -1, max_ack_pending, inactive_threshold = 0, filter_subject } = config;
  return [
    ack_policy !== 'explicit' && `ack_policy is ${ack_policy}; it has to be explicit`,
    max_deliver > 0 && `max_deliver is ${max_deliver}: it would give up; it has to be -1`,
    filter_subject !== subject && `filter_subject is ${filter_subject}; it has to be ${subject}`,
    config.deliver_subject && 'it pushes; it has to be pulled from',
    config.headers_only && 'headers_only is set: the bodies would be missing',
    inactive_threshold > 0 && 'inactive_threshold is set: it would be removed while its group is away',
    keyed &&
      max_ack_pending !== 1 &&
      `max_ack_pending is ${max_ack_pending}: keys would lose their order; it has to be 1`,
  ].filter((problem): problem is string => typeof problem === 'string');
}
