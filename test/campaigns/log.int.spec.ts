import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noFindings } from '../../campaigns/checker/findings.js';
import type { ChunkOutcome } from '../../campaigns/chunk.js';
import { FaultCounts } from '../../campaigns/fault-counts.js';
import { type ChunkId, Log } from '../../campaigns/log.js';

// Property: a campaign that goes on where it stopped does not count what ran on other code without saying so.

const OUTCOME = {
  ...{ faults: new FaultCounts(), judged: new Map(), longest: new Map(), events: new Map() },
  findings: noFindings(),
} as Partial<ChunkOutcome> as ChunkOutcome;

describe('a log', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'mq-log-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const chunk = (number: number): ChunkId => ({
    ...{ campaign: 'kill', engine: 'sqlite', shape: 1, seed: '1', chunk: number, size: 5 },
  });
  const logOf = () => new Log(join(folder, 'kill.jsonl'));

  it('has what was run before', () => {
    logOf().add(chunk(1), 'ok', OUTCOME, 'abc');
    expect(logOf().find(chunk(1))).toMatchObject({ verdict: 'ok', commit: 'abc' });
    expect(logOf().find(chunk(2))).toBeUndefined();
  });

  it.each([
    ['nothing of what ran on this code', 'abc', 'abc', []],
    ['what ran on another commit', 'def', 'abc', ['def']],
    ['what ran on changes that nobody can compare', 'abc+', 'abc+', ['abc+']],
    ['what ran on nobody knows what', 'unknown', 'unknown', ['unknown']],
  ])('tells of %s', (_, then, now, others) => {
    logOf().add(chunk(1), 'ok', OUTCOME, then);
    expect(logOf().commitsOtherThan(now, [chunk(1), chunk(2)])).toEqual(others);
  });

  it('tells of no chunk that is not asked for', () => {
    logOf().add(chunk(3), 'ok', OUTCOME, 'def');
    expect(logOf().commitsOtherThan('abc', [chunk(1)])).toEqual([]);
  });
});
