import type { Variant } from './variant.js';

/** A server that writes its log once a second (PostgreSQL: up to five times) instead of at each COMMIT. The library refuses to start on it. */
export const lazyLog: Variant = {
  name: 'lazy-log',
  damage: 'lost',
  campaigns: ['server'],
  shapes: [1, 2],
  engines: ['mariadb', 'mysql', 'postgres'],
  control: true,
  serverOptions: (engine) =>
    engine === 'postgres' ? ['-c', 'synchronous_commit=off'] : ['--innodb-flush-log-at-trx-commit=0'],
};
