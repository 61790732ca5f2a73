import type { Variant } from './variant.js';

export const withoutKeys: Variant = {
  name: 'without-keys',
  damage: 'disordered',
  campaigns: ['kill', 'commit', 'order'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  withoutKeys: true,
};
