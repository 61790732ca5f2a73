/*
 * Names of OpenTelemetry's semantic conventions for messaging, which are in development: they change with versions of this
 * package, not with those of a package that both use. What they have no name for has `idempotent_mq.` before it.
 */

export const SYSTEM = 'messaging.system';
export const OPERATION_NAME = 'messaging.operation.name';
export const OPERATION_TYPE = 'messaging.operation.type';
export const DESTINATION = 'messaging.destination.name';
export const CONSUMER_GROUP = 'messaging.consumer.group.name';
export const MESSAGE_ID = 'messaging.message.id';
export const BATCH_COUNT = 'messaging.batch.message_count';
export const ERROR_TYPE = 'error.type';

export const BIZ_ID = 'idempotent_mq.biz_id';
export const OUTCOME = 'idempotent_mq.outcome';
export const DEAD_LETTER_REASON = 'idempotent_mq.dead_letter.reason';
/** Of a delivery: 1 for the first. */
export const ATTEMPT = 'idempotent_mq.attempt';
/** Of a relay: how often the message was sent, this time included. */
export const SENDS = 'idempotent_mq.sends';
