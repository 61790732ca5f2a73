import { existsSync, readFileSync } from 'node:fs';
import type { Line } from '../processes/history.js';
import type { Death } from '../processes/task.js';

/** Whether a process wrote down that it is about to die so. Each line was written in one piece. */
export function wroteOfDeath(history: string, { place, when }: Death): boolean {
  if (!existsSync(history)) return false;
  const lines = readFileSync(history, 'utf8').split('\n').filter(Boolean);
  return lines.some((line) => {
    const said = JSON.parse(line) as Line;
    return 'died' in said && said.died === `${place} ${when}`;
  });
}
