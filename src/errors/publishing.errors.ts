import { IdempotentMqError } from './idempotent-mq.error.js';

/** A topic definition is wrong: its name, its `bizId` or its `schema`. */
export class InvalidTopicError extends IdempotentMqError {
  readonly code = 'TOPIC_INVALID';
}

/** The body can't be stored so that it comes back the same, or breaks a limit. Nothing was written. */
export class InvalidPayloadError extends IdempotentMqError {
  readonly code = 'PAYLOAD_INVALID';
}

/** The body brings no usable biz-id. Nothing was written. */
export class InvalidBizIdError extends IdempotentMqError {
  readonly code = 'BIZ_ID_INVALID';
}

/** Which of the publisher's methods was called. */
export type PublishCall = 'publish' | 'publishAll' | 'cancel';

/** How that call begins. */
export function usageOf(call: PublishCall): string {
  const second = { publish: 'payload', publishAll: 'payloads', cancel: 'bizId' } as const;
  return `${call}(topic, ${second[call]}`;
}

/** `publish` found no transaction to join. Nothing was written. */
export class TransactionRequiredError extends IdempotentMqError {
  readonly code = 'TRANSACTION_REQUIRED';

  constructor(detail: string, call: PublishCall = 'publish') {
    const usage = usageOf(call);
    super(
      `${call}() joins a transaction, and found none: ${detail}. ` +
        `Potential solutions: pass the manager of your transaction, ${usage}, { manager }); ` +
        'call it from a handler or from IdempotentExecutor.run, whose transaction it joins by itself; ' +
        'tell the module how to find yours (option currentManager); ' +
        `or say that none is meant, ${usage}, { standalone: true }).`,
    );
  }
}

/** A `publishAll` failed when part of it was written, so its transaction can't commit. `cause` says what went wrong. */
export class PublishIncompleteError extends IdempotentMqError {
  readonly code = 'PUBLISH_INCOMPLETE';
}

/** The transaction that `publish` was to join is over, so the message could not become part of it. */
export class TransactionEndedError extends IdempotentMqError {
  readonly code = 'TRANSACTION_ENDED';

  constructor(
    readonly detail: string,
    { sent = 0, ...options }: { cause?: unknown; sent?: number } = {},
    call: PublishCall = 'publish',
  ) {
    const nothing = call === 'cancel' ? 'Nothing was cancelled.' : 'Nothing was published.';
    super(
      `${call}() was to join a transaction that is over: ${detail}. ` +
        `${sent > 0 ? `It could not be undone in time: ${sent} of its messages were sent all the same. ` : `${nothing} `}` +
        `Await ${call}() before the transaction ends, and let errors of the database end it.`,
      options,
    );
  }
}

/** The broker did not acknowledge what a relay had sent in time. It is sent again. */
export class AckTimeoutError extends IdempotentMqError {
  readonly code = 'ACK_TIMEOUT';
}
