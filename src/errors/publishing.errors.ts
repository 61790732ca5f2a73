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

/** `publish` found no transaction to join. Nothing was written. */
export class TransactionRequiredError extends IdempotentMqError {
  readonly code = 'TRANSACTION_REQUIRED';

  constructor(detail: string) {
    super(
      `publish() joins a transaction, and found none: ${detail}. ` +
        'Potential solutions: pass the manager of your transaction, publish(topic, payload, { manager }); ' +
        'call it from a handler or from IdempotentExecutor.run, whose transaction it joins by itself; ' +
        'tell the module how to find yours (option currentManager); ' +
        'or say that none is meant, publish(topic, payload, { standalone: true }).',
    );
  }
}

/** The transaction that `publish` was to join is over, so the message could not become part of it. */
export class TransactionEndedError extends IdempotentMqError {
  readonly code = 'TRANSACTION_ENDED';

  constructor(detail: string, options?: { cause?: unknown }) {
    super(
      `publish() was to join a transaction that is over: ${detail}. The message was not published. ` +
        'Await publish() before the transaction ends, and let errors of the database end it.',
      options,
    );
  }
}
