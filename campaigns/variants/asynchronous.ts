import type { Variant } from './variant.js';

/** A primary that acknowledges a COMMIT without waiting for its replica. */
export const asynchronous: Variant = {
  name: 'asynchronous',
  damage: 'lost',
  campaigns: ['failover'],
  shapes: [1, 2],
  engines: ['mariadb'],
  control: true,
  withoutSemiSync: true,
};
