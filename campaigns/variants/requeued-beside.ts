import { ownLine } from './own-line.js';
import type { Variant } from './variant.js';

/** A requeue that brings a dead letter back beside its key's line instead of to the front of it. */
export const requeuedBeside: Variant = {
  name: 'requeued-beside',
  damage: 'overlapped',
  campaigns: ['order'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql'],
  // What lands has no errors yet.
  spoil: (pair) => ownLine(pair, 'INSERT', 'NEW.errors IS NOT NULL'),
};
