import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHistories } from '../../campaigns/checker/histories.js';
import type { Line } from '../../campaigns/processes/history.js';

// Property: what a process wrote down is known, and of what it did not live to write the opposite is not assumed.

describe('histories', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'mq-histories-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function read(files: Record<string, Line[]>) {
    for (const [name, lines] of Object.entries(files)) {
      const text = lines.map((line, i) => `${JSON.stringify({ ...line, at: i + 1 })}\n`).join('');
      writeFileSync(join(folder, `${name}.jsonl`), text);
    }
    return readHistories(folder);
  }

  it('know how each publish ended, or that nobody knows', () => {
    const { publishes } = read({
      'publisher-1.1': [
        { publish: 'attempted', bizId: 'P-1', copies: 2 },
        { publish: 'began', bizId: 'P-1' },
        { publish: 'acknowledged', bizId: 'P-1' },
        { publish: 'attempted', bizId: 'P-2', copies: 1 },
        { publish: 'failed', bizId: 'P-2', error: '' },
        { publish: 'attempted', bizId: 'P-3', copies: 1 },
      ],
    });
    expect(Object.fromEntries(publishes)).toEqual({
      'P-1': { copies: 2, outcome: 'acknowledged', beganAt: 2, acknowledgedAt: 3 },
      'P-2': { copies: 1, outcome: 'failed', beganAt: -Infinity, acknowledgedAt: Infinity },
      'P-3': { copies: 1, outcome: 'unknown', beganAt: -Infinity, acknowledgedAt: Infinity },
    });
  });

  it('know that a call ended with its process, where that did not say how', () => {
    const { attempts } = read({
      'consumer-1.1': [
        { attempt: 'consumer-1.1#1', handles: 'P-1', group: 'cards' },
        { attempt: 'consumer-1.1#1', ended: 'done', aborted: false },
        { attempt: 'consumer-1.1#2', handles: 'P-2', group: 'cards' },
      ],
      fleet: [{ event: 'any' }, { event: 'any' }, { event: 'any' }, { gone: 'consumer-1.1' }],
    });
    expect(attempts).toEqual([
      { payment: 'P-1', group: 'cards', from: 1, to: 2, ended: 'done', aborted: false },
      { payment: 'P-2', group: 'cards', from: 3, to: 4, ended: undefined, aborted: false },
    ]);
  });

  it('count what operators were about to release, requeued, and what happened', () => {
    const { releases, requeues, events } = read({
      'operator-1.1': [
        { release: 'P-1' },
        { release: 'P-1' },
        { requeue: 'attempted', bizId: 'P-2', group: 'cards' },
        { requeue: 'acknowledged', bizId: 'P-2', group: 'cards' },
        { requeue: 'attempted', bizId: 'P-3', group: 'cards' },
      ],
      'operator-1.2': [{ event: 'requeued late' }, { event: 'requeued late' }],
    });
    expect(Object.fromEntries(releases)).toEqual({ 'P-1': 2 });
    expect(requeues).toEqual([
      { payment: 'P-2', group: 'cards', attemptedAt: 3, acknowledgedAt: 4 },
      { payment: 'P-3', group: 'cards', attemptedAt: 5, acknowledgedAt: Infinity },
    ]);
    expect(Object.fromEntries(events)).toEqual({ 'requeued late': 2 });
  });
});
