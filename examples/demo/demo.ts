import 'reflect-metadata';
import { createExampleDatabase } from '../shared/example-database.js';
import { verdictLine } from '../shared/paint.js';
import { type InTime, InterruptedError, runExample } from '../shared/run-example.js';
import { n } from '../shared/table.js';
import { readArguments } from './stage/arguments.js';
import { Backstage } from './stage/backstage.js';
import { createTables } from './stage/create-tables.js';
import { judge } from './stage/judgement.js';
import { Performance } from './stage/performance.js';
import { report } from './stage/report.js';

await runExample(demo);

/**
 * A payment system and a card system, in processes of their own, on one database. While payments come in, card workers
 * are killed and stalled; in the end each payment must have one card.
 *
 * @returns the exit status
 */
async function demo(inTime: InTime): Promise<number> {
  const { payments, database: url, withoutDedup } = readArguments(process.argv.slice(2));
  const database = await createExampleDatabase('demo', url);
  const backstage = await Backstage.open(database);
  const performance = new Performance(backstage, database, { payments, withoutDedup });
  try {
    await createTables(database);
    console.log(
      `\n  ${n(payments)} payments, one card each${withoutDedup ? ' (without dedup)' : ''}, on ${database.engine}.`,
    );
    console.log('  Card workers are killed and stalled while the payments come in.\n');
    const results = await inTime(performance.run(), 180 + payments / 10);
    const { status, reasons } = judge(results);
    console.log(report(results));
    for (const reason of reasons) console.log(`\n  ${reason}`);
    console.log(`\n${verdictLine(results.verdict)}`);
    return status;
  } catch (error) {
    if (!(error instanceof InterruptedError)) console.error(performance.troubles);
    throw error;
  } finally {
    await performance.end();
    await database.remove();
  }
}
