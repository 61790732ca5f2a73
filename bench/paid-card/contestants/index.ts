import type { Contestant } from '../contestant.js';
import { ours } from './ours.js';
import { raw } from './raw.js';

export const CONTESTANTS: readonly Contestant[] = [
  raw('mariadb', 'stacked'),
  raw('mariadb', 'same'),
  raw('mariadb', 'naive'),
  ours('mariadb', 'one'),
  ours('mariadb', 'apart'),
  ours('mariadb', 'service'),
];
