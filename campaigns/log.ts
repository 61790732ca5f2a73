import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { ChunkOutcome } from './chunk.js';
import type { Engine } from './databases/create.js';
import type { Shape } from './databases/pair.js';
import type { Verdict } from './verdict.js';

/** By what a chunk is known again. */
export interface ChunkId {
  campaign: string;
  engine: Engine;
  shape: Shape;
  seed: string;
  chunk: number;
  size: number;
  variant?: string;
  perTransaction?: number;
}

export interface LogLine extends ChunkId {
  verdict: Verdict;
  at: string;
  /** Of the code that was tested. */
  commit: string;
  outcome: unknown;
}

/** The results of chunks, a line of JSON for each. */
export class Log {
  private readonly done = new Map<string, LogLine>();

  /** @param file undefined: nothing is kept */
  constructor(private readonly file: string | undefined) {
    if (file === undefined || !existsSync(file)) return;
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      const entry = JSON.parse(line) as LogLine;
      this.done.set(keyOf(entry), entry);
    }
  }

  find(id: ChunkId): LogLine | undefined {
    return this.done.get(keyOf(id));
  }

  /** Of what is there of these chunks: what it ran on, where that is not known to be this code. */
  commitsOtherThan(commit: string, chunks: readonly ChunkId[]): string[] {
    const commits = chunks.map((id) => this.find(id)?.commit).filter((other) => other !== undefined);
    return [...new Set(commits)].filter((other) => !isSameCode(other, commit));
  }

  add(id: ChunkId, verdict: Verdict, outcome: ChunkOutcome, commit: string): void {
    const { faults, judged, longest, events, findings, ...rest } = outcome;
    const found = Object.fromEntries(Object.entries(findings).filter(([, ids]) => ids.length > 0));
    const line: LogLine = {
      ...id,
      verdict,
      at: new Date().toISOString(),
      commit,
      outcome: {
        ...rest,
        faults: Object.fromEntries(faults.counts),
        missing: faults.missing,
        judged: Object.fromEntries(judged),
        longest: Object.fromEntries(longest),
        events: Object.fromEntries(events),
        findings: found,
      },
    };
    this.done.set(keyOf(id), line);
    if (this.file !== undefined) appendFileSync(this.file, `${JSON.stringify(line)}\n`);
  }
}

function keyOf({ campaign, engine, shape, seed, chunk, size, variant, perTransaction }: ChunkId): string {
  return JSON.stringify([
    campaign,
    engine,
    shape,
    seed,
    chunk,
    size,
    variant ?? null,
    perTransaction ?? null,
  ]);
}

/** Of what was not committed, and without Git, nobody can tell. */
function isSameCode(one: string, other: string): boolean {
  return one === other && !one.endsWith(CHANGED) && one !== UNKNOWN;
}

/** What a campaign is made of. */
const RUN = ['src', 'campaigns', 'examples', 'scripts', 'test/support', 'test/servers'];
const CHANGED = '+';
const UNKNOWN = 'unknown';

/** With a plus when there is something that was not committed. */
export function commitOfCode(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', ...RUN) !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? CHANGED : ''}`;
  } catch {
    return UNKNOWN;
  }
}
