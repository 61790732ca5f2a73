import { randomBytes } from 'node:crypto';
import { defineTopic } from '../../../src/index.js';
import { databaseOf, insertOutbox } from '../../../src/storage/index.js';
import { bytes } from './audit-of.js';
import { World, type Shape } from '../../forgetting/support/world.js';
import { send, sent } from '../../relay/parts.js';
import { PaymentSucceeded, payment } from '../../support/cards.js';
import type { Engine } from '../../support/engines.js';
import { countRows } from '../../support/tables.js';
import { until } from '../../support/until.js';

const Nobodys = defineTopic<{ id: string }>({ name: 'nobody.listens', bizId: ({ id }) => id });

/** In microseconds: when this test is long over. */
const FAR = '4000000000000000';

/** A business with something in each of the tables, all of it as it should be, and at rest. */
export async function openBusyWorld(engine: Engine, shape: Shape): Promise<World> {
  const world = await World.open(engine, shape);
  const { app, dataSource, brokerDataSource } = world;
  for (const id of ['P-1', 'P-2', 'P-3']) await world.publish(id);
  world.cards.refused.add('P-4');
  await world.publish('P-4');
  await app.broker.subscribe({ topic: PaymentSucceeded.name, group: 'ledger', version: 1 });
  await app.broker.groups.limit({ group: 'cards' }, { concurrency: 3 });
  await app.broker.groups.pause({ group: 'cards' });
  for (const id of ['P-5', 'P-6', 'P-7', 'P-8']) await publish(world, id);
  for (const id of ['K-1', 'K-2', 'K-3']) await publish(world, id, 'user-1');
  await publish(world, 'K-4', 'user-2');
  for (const id of ['N-1', 'N-2', 'N-3']) await app.outbox.publish(Nobodys, { id }, { standalone: true });
  const copy = sent('P-20');
  await send(app.broker, [copy]);
  await send(app.broker, [{ ...copy, body: Buffer.from('{"paymentId":"P-20","amount":2}') }]);
  const ready = async () =>
    (await countRows(brokerDataSource, 'delivery')) === 10 &&
    (await countRows(brokerDataSource, 'delivery_keyed')) === 8 &&
    (await countRows(brokerDataSource, 'parked')) === 3;
  await until('all has landed', ready);
  await world.quarantine('P-21');

  const broker = (sql: string, values: unknown[] = []) => brokerDataSource.query(bytes(sql), values);
  const ofCards = `subscription_id = (SELECT id FROM mq_subscription WHERE group_name = 'cards')`;
  const seqOf = (bizId: string) => `(SELECT seq FROM mq_message WHERE biz_id = '${bizId}')`;
  const token = randomBytes(16);
  // What a failure, a claim under a limit and over a network, and the time for unrouted messages would do.
  await broker(
    `INSERT INTO mq_waiting (subscription_id, due_at, seq) SELECT subscription_id, ${FAR}, seq FROM mq_delivery WHERE ${ofCards} AND seq = ${seqOf('P-8')}`,
  );
  await broker(`DELETE FROM mq_delivery WHERE ${ofCards} AND seq = ${seqOf('P-8')}`);
  await broker(
    `UPDATE mq_delivery SET token = ?, available_at = ${FAR} WHERE ${ofCards} AND seq = ${seqOf('P-5')}`,
    [token],
  );
  await broker(
    `UPDATE mq_delivery_keyed SET token = ?, available_at = ${FAR} WHERE ${ofCards} AND seq = ${seqOf('K-1')}`,
    [token],
  );
  await broker(
    `INSERT INTO mq_limited_lease (group_name, subscription_id, seq, ordering_key, token)
     SELECT 'cards', d.subscription_id, d.seq, m.ordering_key, ? FROM mq_message m JOIN (
       SELECT subscription_id, seq, token FROM mq_delivery UNION ALL SELECT subscription_id, seq, token FROM mq_delivery_keyed) d
       ON d.seq = m.seq WHERE d.token = ?`,
    [token, token],
  );
  await broker(
    `INSERT INTO mq_claim_answer (claim_id, subscription_id, answer, expires_at) SELECT ?, id, NULL, 0 FROM mq_subscription WHERE group_name = 'cards'`,
    [token],
  );
  await broker(
    `INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at) SELECT 0, ${seqOf('N-3')}, 'unrouted', 0, 0, parked_at FROM mq_parked WHERE seq = ${seqOf('N-3')}`,
  );
  await broker(`DELETE FROM mq_parked WHERE seq = ${seqOf('N-3')}`);
  await fillOutbox(dataSource);
  return world;
}

async function publish({ app }: World, id: string, orderingKey?: string): Promise<void> {
  const key = orderingKey === undefined ? {} : { orderingKey };
  await app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true, ...key });
}

/** In one transaction, in which no relay sees it before its time is far away. */
async function fillOutbox(dataSource: World['dataSource']): Promise<void> {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  const database = databaseOf(dataSource);
  await insertOutbox(database, runner, [sent('O-1'), sent('O-2')], {});
  const keyed = { ...sent('O-3'), orderingKey: Buffer.from('user-1') };
  await insertOutbox(database, runner, [keyed], {});
  await insertOutbox(database, runner, [sent('O-4')], { delayMs: 1_000_000_000 });
  for (const table of ['outbox', 'outbox_keyed']) {
    await runner.query(`UPDATE mq_${table} SET available_at = 4000000000000000`);
  }
  await runner.commitTransaction();
  await runner.release();
}
