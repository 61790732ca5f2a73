import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What its publisher knows of a payment. `unknown` also where it was killed before it was told. */
export interface Publish {
  copies: number;
  outcome: 'acknowledged' | 'unknown' | 'failed';
}

export interface Histories {
  publishes: Map<string, Publish>;
  /** How often something happened, by its name. */
  events: Map<string, number>;
}

interface Line {
  publish?: 'attempted' | 'acknowledged' | 'unknown' | 'failed';
  bizId?: string;
  copies?: number;
  event?: string;
}

export function readHistories(folder: string): Histories {
  const publishes = new Map<string, Publish>();
  const events = new Map<string, number>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
    for (const { publish, bizId, copies, event } of linesOf(join(folder, file))) {
      if (event) events.set(event, (events.get(event) ?? 0) + 1);
      if (publish === 'attempted') publishes.set(bizId!, { copies: copies!, outcome: 'unknown' });
      else if (publish) publishes.get(bizId!)!.outcome = publish;
    }
  }
  return { publishes, events };
}

/** Each line was written in one piece; a killed process leaves whole ones. */
function linesOf(file: string): Line[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
}
