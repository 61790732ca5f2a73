import { ownLine } from './own-line.js';
import type { Variant } from './variant.js';

/** A claim that takes what follows a failed delivery while that waits to be tried again. */
export const backoffStepsAside: Variant = {
  name: 'backoff-steps-aside',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql'],
  spoil: (pair) => ownLine(pair, 'UPDATE', 'NEW.failures > OLD.failures'),
};
