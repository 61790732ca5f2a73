import 'reflect-metadata';
import { verdictLine } from '../shared/paint.js';
import { type InTime, InterruptedError, runExample } from '../shared/run-example.js';
import { n } from '../shared/table.js';
import { readArguments } from './stage/arguments.js';
import { Backstage } from './stage/backstage.js';
import { createDatabases } from './stage/databases.js';
import { judge } from './stage/judgement.js';
import { Performance } from './stage/performance.js';
import { report } from './stage/report.js';

const SCENERY = {
  apart:
    'payment system, broker and card system have a database each.\n  ACKs are lost, relays, broker and card workers are killed and paused while the payments come in.',
  together: 'one database for all.\n  Card workers are killed and paused while the payments come in.',
};

await runExample(demo);

/**
 * A payment system, a broker and a card system, in processes of their own, on a database each. While payments come in,
 * ACKs are lost and processes are killed and paused; in the end each payment must have one card.
 *
 * @returns the exit status
 */
async function demo(inTime: InTime): Promise<number> {
  const { payments, database: url, oneDatabase, withoutDedup } = readArguments(process.argv.slice(2));
  const databases = await createDatabases(url, oneDatabase);
  let performance: Performance | undefined;
  try {
    const backstage = await Backstage.open(databases.options);
    performance = new Performance(backstage, databases.options, { payments, withoutDedup });
    const without = withoutDedup ? ' (without dedup)' : '';
    console.log(
      `\n  ${n(payments)} payments, one card each${without}, on ${databases.engine}: ${SCENERY[oneDatabase ? 'together' : 'apart']}\n`,
    );
    const results = await inTime(performance.run(), 240 + payments / 5);
    const { status, reasons } = judge(results);
    console.log(report(results));
    for (const reason of reasons) console.log(`\n  ${reason}`);
    console.log(`\n${verdictLine(results.verdict)}`);
    return status;
  } catch (error) {
    if (performance && !(error instanceof InterruptedError)) console.error(performance.troubles);
    throw error;
  } finally {
    await performance?.end();
    await databases.remove();
  }
}
