import { randomBytes } from 'node:crypto';
import type { Variant } from './variant.js';

const TIMES = 20;

/**
 * An instance of the service that leases under ids of its own, and for twenty times as long as it was asked: a claim that is
 * asked for again is given something else, and what it had leased waits.
 */
export const forgetsClaims: Variant = {
  name: 'forgets-claims',
  damage: 'late',
  campaigns: ['instances'],
  shapes: [2],
  engines: ['mariadb', 'mysql', 'postgres'],
  instance: ({ repeatable }) => {
    const claim = repeatable.claim.bind(repeatable);
    repeatable.claim = ({ leaseMs, ...request }) =>
      claim({ ...request, claimId: randomBytes(16), leaseMs: TIMES * leaseMs });
  },
};
