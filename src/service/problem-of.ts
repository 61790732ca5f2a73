import { ConfigurationError, IdempotentMqError, errorCode } from '../errors/index.js';
import { type Dialect, isUnreachable } from '../storage/index.js';
import { Problem, type ProblemCode } from '../wire/index.js';

/** Errors of the library that say what the caller did wrong. Their messages are for him. */
const OF_THE_CALLER = new Map<string, ProblemCode>([
  ['OPTIONS_INVALID', 'REQUEST_INVALID'],
  ['BIZ_ID_INVALID', 'REQUEST_INVALID'],
  ['PAYLOAD_INVALID', 'REQUEST_INVALID'],
  ['TOPIC_INVALID', 'REQUEST_INVALID'],
  ['SUBSCRIPTION_REMOVED', 'SUBSCRIPTION_REMOVED'],
  ['TOPIC_LOCKED', 'TOPIC_LOCKED'],
]);

const PASSING = [
  'BROKER_UNREACHABLE',
  'STATEMENT_TIMEOUT',
  'NO_CONNECTION',
  'CONNECTION_LOST',
  'SQLITE_WRITE_TIMEOUT',
];

/** An error as the caller is told of it: nothing of the service's inside, and never a stack. */
export function problemOf(
  error: unknown,
  { isContention, isDuplicateKey }: Pick<Dialect, 'isContention' | 'isDuplicateKey'>,
): Problem {
  if (error instanceof Problem) return error;
  const code = errorCode(error) ?? '';
  // How the service is set up is nothing that the caller could change, though it has the code of what he could.
  const isOfCaller = error instanceof IdempotentMqError && !(error instanceof ConfigurationError);
  const known = isOfCaller ? OF_THE_CALLER.get(code) : undefined;
  if (known) return new Problem(known, (error as Error).message, { cause: error });
  if (PASSING.includes(code) || isUnreachable(error)) {
    return new Problem('UNAVAILABLE', "The broker's database does not answer. The same again later.", {
      cause: error,
    });
  }
  // Tried several times, as all of them are: others had the same rows, or ids, under way each time.
  if (isContention(error) || isDuplicateKey(error)) {
    return new Problem('UNAVAILABLE', 'Others are at work on the same. The same again later.', {
      cause: error,
    });
  }
  return new Problem('INTERNAL', 'The service failed. Its log says more.', { cause: error });
}
