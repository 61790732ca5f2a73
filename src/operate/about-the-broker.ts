import { IdempotentMqError } from '../errors/index.js';
import { isConnectionLost, isUnreachable } from '../storage/index.js';

const CODES: readonly string[] = ['BROKER_UNREACHABLE', 'BROKER_REFUSED', 'ACK_TIMEOUT', 'STATEMENT_TIMEOUT'];

/** It is away or hangs, or it does not let this process look. All else is nothing that a status should hide. */
export function isAboutTheBroker(error: unknown): boolean {
  if (error instanceof IdempotentMqError) return CODES.includes(error.code);
  return isUnreachable(error) || isConnectionLost(error);
}
