import type { Variant } from './variant.js';

/** A server that writes its log once a second instead of at each COMMIT. The library refuses to start on it. */
export const lazyLog: Variant = {
  name: 'lazy-log',
  damage: 'lost',
  campaigns: ['server'],
  shapes: [1, 2],
  engines: ['mariadb', 'mysql'],
  control: true,
  serverOptions: ['--innodb-flush-log-at-trx-commit=0'],
};
