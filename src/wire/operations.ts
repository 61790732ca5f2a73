import type { OperationName } from './schemas.js';

export type Scope = 'publish' | 'consume' | 'administer' | 'any';

/** What each operation is for, and what a token needs for it. */
export const OPERATIONS: Record<OperationName, { scope: Scope; summary: string }> = {
  acceptance: {
    scope: 'publish',
    summary:
      'What an outbox has to know before it sends: the broker’s clock, and up to which inner-msg-id it has forgotten.',
  },
  send: {
    scope: 'publish',
    summary: 'Steps 1 to 3: stores what was not stored before, each message once, however often it is sent.',
  },
  subscribe: {
    scope: 'consume',
    summary: 'From its answer on, the group receives every message of the topic.',
  },
  claim: {
    scope: 'consume',
    summary: 'Step 4: leases deliveries to the caller. The same claimId again is given the same deliveries.',
  },
  'claim-alone': {
    scope: 'consume',
    summary: 'Leases one delivery that once lost its lease, to a process that runs nothing else meanwhile.',
  },
  'give-up-claim': {
    scope: 'consume',
    summary:
      'Hands back, at no cost, what a claim has leased: its answer got lost, or nobody wants it any more.',
  },
  poll: {
    scope: 'consume',
    summary: 'Whether a claim is worth trying. It also brings back what was set aside and is due.',
  },
  wait: {
    scope: 'consume',
    summary: 'Waits until something has landed for one of these subscriptions. A hint: it may be lost.',
  },
  acknowledge: { scope: 'consume', summary: 'Step 5: the business is done. Step 6 follows.' },
  'retry-later': { scope: 'consume', summary: 'Sets a delivery aside for delayMs.' },
  'dead-letter': { scope: 'consume', summary: 'The delivery is not tried any more.' },
  'give-back': { scope: 'consume', summary: 'Hands a delivery back at no cost.' },
  extend: { scope: 'consume', summary: 'Renews leases, from now on for leaseMs.' },
  administer: {
    scope: 'administer',
    summary: 'Dead letters, quarantine, groups and topics, for an operator.',
  },
  identify: {
    scope: 'any',
    summary: 'Tells this broker’s database from any other, and what its clock shows.',
  },
  unfinished: {
    scope: 'consume',
    summary: 'What can still reach a subscription: a receiver asks before it forgets dedup rows.',
  },
};
