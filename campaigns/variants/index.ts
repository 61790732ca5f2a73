import { ackFirst } from './ack-first.js';
import { acksBeforeCommit } from './acks-before-commit.js';
import { asynchronous } from './asynchronous.js';
import { backoffStepsAside } from './backoff-steps-aside.js';
import { blindRetry } from './blind-retry.js';
import { dedupApart } from './dedup-in-its-own-transaction.js';
import { deleteBeforeAck } from './delete-before-ack.js';
import { forgetsClaims } from './forgets-claims.js';
import { lazyLog } from './lazy-log.js';
import { lookFirst } from './look-first.js';
import { naiveForgetting } from './naive-forgetting.js';
import { newIdEachSend } from './new-id-each-send.js';
import { noAcceptedIds } from './no-accepted-ids.js';
import { noDedup } from './no-dedup.js';
import { outboxWithoutLines } from './outbox-without-lines.js';
import { plainTransaction } from './plain-transaction.js';
import { requeueWaits } from './requeue-waits.js';
import { trustsItsLease } from './trusts-its-lease.js';
import { withoutKeys } from './without-keys.js';
import type { Variant } from './variant.js';

export const variants: readonly Variant[] = [
  noDedup,
  lookFirst,
  dedupApart,
  ackFirst,
  blindRetry,
  plainTransaction,
  naiveForgetting,
  newIdEachSend,
  deleteBeforeAck,
  noAcceptedIds,
  acksBeforeCommit,
  forgetsClaims,
  lazyLog,
  asynchronous,
  trustsItsLease,
  withoutKeys,
  outboxWithoutLines,
  backoffStepsAside,
  requeueWaits,
];

/** @throws Error that names those which there are */
export function variantNamed(name: string | undefined): Variant | undefined {
  if (name === undefined) return undefined;
  const found = variants.find((variant) => variant.name === name);
  if (found) return found;
  throw new Error(`--variant must be one of ${variants.map((each) => each.name).join(', ')} (got ${name}).`);
}
