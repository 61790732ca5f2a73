import { describeError, isLibraryError } from '../../errors/index.js';
import type { Refusal } from '../wire.js';

const BAD_REQUESTS = ['OPTIONS_INVALID', 'BIZ_ID_INVALID', 'TOPIC_INVALID'] as const;

/** A request that is not carried out: the page shows the message. */
export class DashboardProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** @returns the answer, and whether it is a fault of this side, which belongs into the log */
export function refusalOf(error: unknown): { status: number; refusal: Refusal; isFault: boolean } {
  if (error instanceof DashboardProblem) return refuse(error.status, error.code, error.message);
  const message = error instanceof Error ? error.message : describeError(error);
  if (BAD_REQUESTS.some((code) => isLibraryError(error, code))) return refuse(400, 'BAD_REQUEST', message);
  if (isLibraryError(error, 'CAPABILITY_MISSING')) return refuse(501, 'CAPABILITY_MISSING', message);
  // A driver's message may name hosts and users: it is for the log.
  return refuse(
    503,
    'FAILED',
    'It failed. Of an action, a part may have been done. The log of this process says why.',
    true,
  );
}

function refuse(status: number, code: string, message: string, isFault = false) {
  return { status, refusal: { error: { code, message } }, isFault };
}
