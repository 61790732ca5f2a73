import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Ended, Line } from '../processes/history.js';

/** What its publisher knows of a payment. `unknown` also where it was killed before it was told. */
export interface Publish {
  copies: number;
  outcome: 'acknowledged' | 'unknown' | 'failed';
  /** Right before it called `publish`. Microseconds by a clock of all processes, as all moments here. */
  beganAt: number;
  /** Right after it was told of its COMMIT: Infinity where it never was. */
  acknowledgedAt: number;
}

/** One call of a handler. */
export interface Attempt {
  payment: string;
  group: string;
  from: number;
  /** Also when its process was gone; Infinity where neither was told of. */
  to: number;
  /** Undefined where its process did not live to see it. */
  ended: Ended | undefined;
  /** It had been told to stop: its lease was lost, or its time was up. */
  aborted: boolean;
}

export interface Requeue {
  payment: string;
  group: string;
  attemptedAt: number;
  /** Infinity where nobody was told. */
  acknowledgedAt: number;
}

export interface Histories {
  publishes: Map<string, Publish>;
  /** In the order in which they began. */
  attempts: Attempt[];
  requeues: Requeue[];
  /** How often an operator was about to release a quarantined copy of a payment. */
  releases: Map<string, number>;
  /** How often something happened, by its name. */
  events: Map<string, number>;
}

type Told = Line & { at: number };

export function readHistories(folder: string): Histories {
  const publishes = new Map<string, Publish>();
  const attempts = new Map<string, Attempt>();
  const requeues: Requeue[] = [];
  const releases = new Map<string, number>();
  const events = new Map<string, number>();
  const gone = new Map<string, number>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
    const open = new Map<string, Requeue>();
    for (const line of linesOf(join(folder, file))) {
      if ('event' in line) events.set(line.event, (events.get(line.event) ?? 0) + 1);
      else if ('publish' in line) notePublish(publishes, line);
      else if ('handles' in line) {
        const { handles: payment, group, at: from } = line;
        const begun = { payment, group, from, to: Infinity, ended: undefined, aborted: false };
        attempts.set(line.attempt, begun);
      } else if ('ended' in line) {
        const { ended, aborted, at: to } = line;
        Object.assign(attempts.get(line.attempt)!, { ended, aborted, to });
      } else if ('requeue' in line) {
        const key = `${line.group} ${line.bizId}`;
        if (line.requeue === 'acknowledged') open.get(key)!.acknowledgedAt = line.at;
        else {
          const { bizId: payment, group, at: attemptedAt } = line;
          open.set(key, { payment, group, attemptedAt, acknowledgedAt: Infinity });
          requeues.push(open.get(key)!);
        }
      } else if ('release' in line) releases.set(line.release, (releases.get(line.release) ?? 0) + 1);
      else if ('gone' in line) gone.set(line.gone, line.at);
    }
  }
  for (const [name, attempt] of attempts) {
    if (!attempt.ended) attempt.to = gone.get(name.slice(0, name.indexOf('#'))) ?? Infinity;
  }
  const inOrder = [...attempts.values()].sort((a, b) => a.from - b.from);
  return { publishes, attempts: inOrder, requeues, releases, events };
}

function notePublish(publishes: Histories['publishes'], line: Extract<Told, { publish: string }>): void {
  const { publish, bizId, at } = line;
  if (publish === 'attempted') {
    const { copies } = line;
    publishes.set(bizId, { copies, outcome: 'unknown', beganAt: -Infinity, acknowledgedAt: Infinity });
    return;
  }
  const known = publishes.get(bizId)!;
  if (publish === 'began') known.beganAt = at;
  else known.outcome = publish;
  if (publish === 'acknowledged') known.acknowledgedAt = at;
}

/** Each line was written in one piece; a killed process leaves whole ones. */
function linesOf(file: string): Told[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Told);
}
