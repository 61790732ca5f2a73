import type { Contestant } from '../contestant.js';

/** In the order of the tables, by the beginning of their names: a process loads nothing of the others. */
const GROUPS: Record<string, () => Promise<readonly Contestant[]>> = {
  'raw-mariadb': async () => {
    const { raw } = await import('./raw.js');
    const { typeorm } = await import('./typeorm.js');
    return [raw('mariadb', 'stacked'), raw('mariadb', 'same'), raw('mariadb', 'naive'), typeorm('mariadb')];
  },
  'ours-mariadb': async () => {
    const { ours } = await import('./ours.js');
    return [
      ours('mariadb', 'one', 'one-by-one'),
      ours('mariadb', 'one', 'shared'),
      ours('mariadb', 'one', 'batch'),
      ours('mariadb', 'one', 'entities'),
      ours('mariadb', 'apart', 'one-by-one'),
      ours('mariadb', 'apart', 'shared'),
      ours('mariadb', 'service', 'one-by-one'),
    ];
  },
  'pg-boss': async () => {
    const { pgBoss } = await import('./pg-boss.js');
    return [pgBoss('polling'), pgBoss('notify'), pgBoss('transactional')];
  },
  'graphile-worker': async () => [(await import('./graphile-worker.js')).graphileWorker],
  rabbitmq: async () => [(await import('./rabbitmq.js')).rabbitmq],
  bullmq: async () => [(await import('./bullmq.js')).bullmq],
  'raw-mysql': async () => {
    const { raw } = await import('./raw.js');
    return [raw('mysql', 'stacked'), raw('mysql', 'same'), raw('mysql', 'naive')];
  },
  'ours-mysql': async () => {
    const { ours } = await import('./ours.js');
    return [
      ours('mysql', 'one', 'one-by-one'),
      ours('mysql', 'one', 'shared'),
      ours('mysql', 'one', 'batch'),
      ours('mysql', 'apart', 'one-by-one'),
      ours('mysql', 'service', 'one-by-one'),
    ];
  },
};

export async function allContestants(): Promise<Contestant[]> {
  const groups = await Promise.all(Object.values(GROUPS).map((load) => load()));
  return groups.flat();
}

/** @throws Error when nobody has this name */
export async function contestantNamed(name: string): Promise<Contestant> {
  const group = Object.keys(GROUPS).find((beginning) => name.startsWith(beginning));
  const found = group && (await GROUPS[group]!()).find((contestant) => contestant.name === name);
  if (!found) throw new Error(`no contestant ${name}`);
  return found;
}
