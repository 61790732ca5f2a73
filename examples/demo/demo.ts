import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { createExampleDatabase } from '../shared/example-database.js';
import { interruption } from '../shared/interruption.js';
import { n } from '../shared/table.js';
import { readArguments } from './stage/arguments.js';
import { Backstage } from './stage/backstage.js';
import { createTables } from './stage/create-tables.js';
import { judge } from './stage/judgement.js';
import { Performance } from './stage/performance.js';
import { report } from './stage/report.js';

const { whenInterrupted, exitStatus } = interruption();
try {
  process.exitCode = await demo();
} catch (error) {
  console.error(`\n  ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitStatus() ?? 1;
}
// What an interrupted run was still waiting for keeps nobody.
process.exit();

/**
 * A payment system and a card system, in processes of their own, on one database. While payments come in, card workers
 * are killed and stalled; in the end each payment must have one card.
 *
 * @returns the exit status
 */
async function demo(): Promise<number> {
  const { payments, database: url, withoutDedup } = readArguments(process.argv.slice(2));
  const database = await createExampleDatabase('demo', url);
  const backstage = await Backstage.open(database);
  const performance = new Performance(backstage, database, { payments, withoutDedup });
  try {
    await createTables(database);
    console.log(`\n  ${n(payments)} payments, one card each, on ${database.engine}\n`);
    const results = await Promise.race([performance.run(), whenInterrupted, timeLimit(payments)]);
    const { status, reasons } = judge(results);
    console.log(`${report(results)}\n`);
    for (const reason of reasons) console.log(`  ${reason}`);
    console.log(`  lost ${n(results.verdict.lost)}, doubled ${n(results.verdict.doubled)}\n`);
    return status;
  } catch (error) {
    if (exitStatus() === undefined) for (const trouble of performance.troubles) console.error(`  ${trouble}`);
    throw error;
  } finally {
    await performance.end();
    await database.remove();
  }
}

async function timeLimit(payments: number): Promise<never> {
  const seconds = 180 + payments / 10;
  await pause(seconds * 1000);
  throw new Error(`The run is not through after ${seconds} s.`);
}
