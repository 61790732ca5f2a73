import { BizIdConflictError, ConnectionLostError, ScopeTornError, describeError } from '../errors/index.js';
import { hasLostConnection } from './outcome.js';

export interface IdempotentKey {
  /** The namespace of the biz-id: a name of the contract, like a topic's. */
  scenario: string;
  bizId: string;
}

export function describeKey({ scenario, bizId }: IdempotentKey): string {
  return `biz-id ${bizId} of scenario ${scenario}`;
}

/** The driver's own error has no code when the connection was lost between two statements. */
export function lostOr(error: unknown, key: IdempotentKey): unknown {
  if (!hasLostConnection(error)) return error;
  return new ConnectionLostError(
    `A connection was lost under the work for ${describeKey(key)} (${describeError(error)}). Nothing of it is left: call again.`,
    { cause: error },
  );
}

export function conflict(
  key: IdempotentKey,
  came: Buffer,
  known: Buffer,
  tookEffectAt: Date,
): BizIdConflictError {
  return new BizIdConflictError(
    describeKey(key),
    { fingerprint: came.toString('hex'), knownFingerprint: known.toString('hex'), tookEffectAt },
    'Refuse it: whoever sent it has used an id twice. See docs/changing-the-contract.md#one-biz-id-two-bodies.',
  );
}

export function torn(key: IdempotentKey, cause?: unknown): ScopeTornError {
  return new ScopeTornError(
    `${describeKey(key)} committed by itself (DDL, COMMIT, SET autocommit, or a procedure that does) and did not finish: ` +
      'part of its effect may be durable, so it is not run again. Put its effect right by hand, then delete its dedup row.',
    { cause },
  );
}
