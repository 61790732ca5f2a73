import { join } from 'node:path';
import { bundle } from '../support/bundle.js';
import { describeEachInPlace } from '../support/engines-in-place.js';
import { type Variant, countedRun } from './counted-run.js';

// Property: 0 lost, 0 doubled, while the server is killed, connections are cut, workers are killed and payments repeated.
// Next to it, variants that are broken, which the same run has to find out.

const MESSAGES = 2_000;

describeEachInPlace(
  (name) => `payments over ${name} while everything breaks`,
  (_, broker) => {
    let worker: string;

    beforeAll(async () => {
      worker = await bundle(join(__dirname, 'worker.ts'));
    });

    const run = async (variant: Variant, messages: number) => {
      const counts = await countedRun({ broker, messages, engine: 'sqlite', variant, worker });
      console.log(`${broker}, ${variant}: ${JSON.stringify(counts)}`);
      return counts;
    };

    it('end with a card each', async () => {
      const counts = await run('as-it-is', MESSAGES);
      expect(counts).toMatchObject({ published: MESSAGES, lost: 0, doubled: 0, deadLetters: 0 });
      for (const fault of ['serverKills', 'workerKills', 'cuts', 'repeats'] as const)
        expect(counts[fault]).toBeGreaterThan(0);
    }, 400_000);

    it('lose cards where a worker ACKs before it handles', async () => {
      expect((await run('ack-first', 600)).lost).toBeGreaterThan(0);
    }, 400_000);

    it('have two cards where nothing is deduplicated', async () => {
      expect((await run('no-dedup', 600)).doubled).toBeGreaterThan(0);
    }, 400_000);
  },
);
