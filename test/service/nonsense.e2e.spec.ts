import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { driveNonsense } from '../../campaigns/nonsense/drive.js';
import { bundle } from '../support/bundle.js';

// Property: no request, however malformed, ends the service, is answered without a code, or leaves anything behind in memory.

const SIZE = 3_000;
/** What code that has been compiled since, and caches that fill up, take. */
const SPARE_MIB = 12;

it(`a broker service answers ${SIZE} malformed requests, and is as it was before`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mq-nonsense-'));
  try {
    const file = await bundle(join(__dirname, '../../campaigns/nonsense/service-process.ts'));
    const findings = await driveNonsense(file, join(folder, 'broker.sqlite'), { seed: '1', size: SIZE });
    expect(findings.wrong).toEqual([]);
    expect(findings.sent).toBe(SIZE);
    const { answers, health } = findings;
    expect(Object.values(answers).reduce((a, b) => a + b)).toBe(SIZE);
    expect(Object.keys(answers)).toEqual(
      expect.arrayContaining(['BODY_MALFORMED', 'REQUEST_INVALID', 'MEDIA_TYPE', 'UNKNOWN_OPERATION']),
    );
    const [before, , after] = health;
    expect(after!.heapMiB).toBeLessThan(before!.heapMiB + SPARE_MIB);
    expect(findings.others.asked).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
