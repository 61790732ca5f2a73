import 'reflect-metadata';
import { verdictLine } from '../shared/paint.js';
import { type InTime, InterruptedError, runExample } from '../shared/run-example.js';
import { n } from '../shared/table.js';
import { Engine } from './engine/engine.js';
import { readArguments } from './stage/arguments.js';
import { Backstage } from './stage/backstage.js';
import { isUnluckyPayment } from './stage/broken-wire.js';
import { createDatabases } from './stage/databases.js';
import { judge } from './stage/judgement.js';
import { Performance } from './stage/performance.js';
import { type Programs, compilePrograms, removePrograms } from './stage/programs.js';
import { report } from './stage/report.js';
import { ordersFor } from './stage/script.js';
import type { Shape } from './stage/shape.js';
import { Network } from './wire/network.js';

const SCENERY: Record<Shape, string> = {
  'through-an-engine':
    'payment system and card system have a database each.\n  ACKs are lost, connections cut, payment system, relays and card workers killed while the payments come in.',
  apart:
    'payment system, broker and card system have a database each.\n  ACKs are lost, relays, broker and card workers are killed and paused while the payments come in.',
  together: 'one database for all.\n  Card workers are killed and paused while the payments come in.',
  'over-the-network':
    'the broker is a service, of which two instances run.\n  The network loses ACKs, cuts, delays and swallows, and all processes are killed while the payments come in.',
};
/** A request that gets no answer holds its sender up for as long as it waits. Seconds for a payment. */
const PATIENCE: Record<Shape, number> = {
  apart: 0.2,
  together: 0.2,
  'over-the-network': 0.4,
  'through-an-engine': 0.4,
};

await runExample(demo);

/**
 * A payment system, a broker and a card system, in processes of their own, on a database each. While payments come in,
 * ACKs are lost and processes are killed and paused; in the end each payment must have one card.
 *
 * @returns the exit status
 */
async function demo(inTime: InTime): Promise<number> {
  const { payments, database: url, broker, shape, withoutDedup } = readArguments(process.argv.slice(2));
  const databases = await createDatabases(url, shape);
  let programs: Programs | undefined;
  let network: Network | undefined;
  let engine: Engine | undefined;
  let performance: Performance | undefined;
  try {
    if (broker) engine = await Engine.open(broker);
    programs = await compilePrograms();
    const backstage = await Backstage.open(databases.options);
    const orders = ordersFor({ shape, payments, withoutDedup }, databases.options, backstage);
    const isUnlucky = (paymentId: string) => isUnluckyPayment(paymentId, orders.oneUnluckyIn);
    if (shape === 'over-the-network') network = await Network.open(payments, isUnlucky);
    performance = new Performance(backstage, orders, programs, network, engine);
    const without = withoutDedup ? ' (without dedup)' : '';
    const through = engine ? ` through ${engine.server.name}` : '';
    console.log(
      `\n  ${n(payments)} payments, one card each${without}, on ${databases.engine}${through}: ${SCENERY[shape]}\n`,
    );
    const results = await inTime(performance.run(), 240 + payments * PATIENCE[shape]);
    const { status, reasons } = judge(results);
    console.log(report(results));
    for (const reason of reasons) console.log(`\n  ${reason}`);
    // Not for cards that are lost or doubled: of that the systems know nothing.
    if (status === 1 && reasons.length > 0) console.error(performance.troubles);
    console.log(`\n${verdictLine(results.verdict)}`);
    return status;
  } catch (error) {
    if (performance && !(error instanceof InterruptedError)) console.error(performance.troubles);
    throw error;
  } finally {
    await performance?.end();
    network?.close();
    await Promise.all([databases.remove(), engine?.close(), programs && removePrograms(programs)]);
  }
}
