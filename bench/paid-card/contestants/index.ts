import type { Contestant } from '../contestant.js';
import { bullmq } from './bullmq.js';
import { graphileWorker } from './graphile-worker.js';
import { ours } from './ours.js';
import { pgBoss } from './pg-boss.js';
import { rabbitmq } from './rabbitmq.js';
import { raw } from './raw.js';

export const CONTESTANTS: readonly Contestant[] = [
  raw('mariadb', 'stacked'),
  raw('mariadb', 'same'),
  raw('mariadb', 'naive'),
  ours('mariadb', 'one'),
  ours('mariadb', 'apart'),
  ours('mariadb', 'service'),
  pgBoss('polling'),
  pgBoss('notify'),
  pgBoss('transactional'),
  graphileWorker,
  rabbitmq,
  bullmq,
  raw('mysql', 'stacked'),
  raw('mysql', 'same'),
  raw('mysql', 'naive'),
  ours('mysql', 'one'),
  ours('mysql', 'apart'),
  ours('mysql', 'service'),
];
