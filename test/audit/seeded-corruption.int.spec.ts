import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { EVERYWHERE, type Shape, type World } from '../forgetting/support/world.js';
import { Auditor, bytes, told } from './support/audit-of.js';
import { openBusyWorld } from './support/busy-world.js';

/** Each row that is wrong is found and named, and nothing else is: the audit's promise to who is called at night. */

interface Corruption {
  name: string;
  /** What an operator, a bug or a restored table might have done. */
  broker?: string[];
  business?: string[];
  found: string[];
  only?: Shape;
}

const cards = `(SELECT id FROM mq_subscription WHERE group_name = 'cards')`;
const ledger = `(SELECT id FROM mq_subscription WHERE group_name = 'ledger')`;
const seq = (bizId: string) => `(SELECT MIN(seq) FROM mq_message WHERE biz_id = '${bizId}')`;
const payments = `(SELECT id FROM mq_topic WHERE name = 'payment.succeeded')`;
const NO_ID = 4_000;

/** A copy of the delivery in a table in which it can be as well. */
const into = (table: string, bizId: string) =>
  table === 'dead_letter'
    ? `INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at) SELECT ${cards}, ${seq(bizId)}, 'failed', 0, 0, 1`
    : `INSERT INTO mq_waiting (subscription_id, due_at, seq) SELECT ${cards}, 4000000000000000, ${seq(bizId)}`;
const message = (columns: string, values: string, bizId: string) =>
  `INSERT INTO mq_message (inner_msg_id, topic_id, biz_id, body, landed_at${columns}) SELECT inner_msg_id, topic_id, 'X-1', body, landed_at${values} FROM mq_message WHERE biz_id = '${bizId}'`;
const deliverX = `INSERT INTO mq_delivery (subscription_id, seq) SELECT ${ledger}, ${seq('X-1')}`;

const corruptions: Corruption[] = [
  {
    name: 'a message deleted under its deliveries',
    broker: [`DELETE FROM mq_message WHERE biz_id = 'P-6'`],
    found: ['message-missing mq_delivery', 'message-missing mq_delivery'],
  },
  {
    name: 'a message deleted under deliveries with an ordering key',
    broker: [`DELETE FROM mq_message WHERE biz_id = 'K-4'`],
    found: ['message-missing mq_delivery_keyed', 'message-missing mq_delivery_keyed'],
  },
  {
    name: 'a message deleted under one that waits',
    broker: [`DELETE FROM mq_message WHERE biz_id = 'P-8'`],
    found: ['message-missing mq_delivery', 'message-missing mq_waiting'],
  },
  {
    name: 'a message deleted under a dead letter',
    broker: [`DELETE FROM mq_message WHERE biz_id = 'P-4'`],
    found: ['message-missing mq_dead_letter'],
  },
  {
    name: 'messages deleted that no group had taken',
    broker: [`DELETE FROM mq_message WHERE biz_id IN ('N-1', 'N-3')`],
    found: ['message-missing mq_dead_letter', 'message-missing mq_parked'],
  },
  {
    name: 'a delivery that is dead as well',
    broker: [into('dead_letter', 'P-6')],
    found: ['delivery-doubled mq_delivery P-6'],
  },
  {
    name: 'a delivery that waits as well',
    broker: [into('waiting', 'P-6')],
    found: ['delivery-doubled mq_delivery P-6'],
  },
  {
    name: 'a delivery with an ordering key that is dead as well',
    broker: [into('dead_letter', 'K-2')],
    found: ['delivery-doubled mq_delivery_keyed K-2'],
  },
  {
    name: 'one that waits and is dead',
    broker: [into('dead_letter', 'P-8')],
    found: ['delivery-doubled mq_waiting P-8'],
  },
  {
    name: 'a dead letter of no group that is parked as well',
    broker: [
      `INSERT INTO mq_parked (topic_id, seq, parked_at) SELECT topic_id, seq, 1 FROM mq_message WHERE biz_id = 'N-3'`,
    ],
    found: ['delivery-doubled mq_dead_letter N-3'],
  },
  {
    name: 'one inner-msg-id in two messages',
    broker: [message('', '', 'P-6'), deliverX],
    found: ['inner-msg-id-doubled mq_message P-6', 'inner-msg-id-doubled mq_message X-1'],
  },
  {
    name: 'a message that nothing holds',
    broker: [`DELETE FROM mq_delivery WHERE seq = ${seq('P-7')}`],
    found: ['message-orphaned mq_message P-7'],
  },
  {
    name: 'deliveries of a group that is gone',
    broker: [
      `INSERT INTO mq_delivery (subscription_id, seq) SELECT ${NO_ID}, ${seq('P-6')}`,
      `INSERT INTO mq_delivery_keyed (subscription_id, ordering_key, seq) SELECT ${NO_ID}, 'user-1', ${seq('K-1')}`,
    ],
    found: ['group-missing mq_delivery P-6', 'group-missing mq_delivery_keyed K-1'],
  },
  {
    name: 'deliveries of a group that was removed, and not swept',
    broker: [
      `UPDATE mq_subscription SET removed = 1 WHERE group_name = 'ledger'`,
      `DELETE FROM mq_delivery_keyed WHERE subscription_id = ${ledger}`,
      `DELETE FROM mq_delivery WHERE subscription_id = ${ledger} AND seq <> ${seq('P-6')}`,
    ],
    found: ['group-missing mq_delivery P-6'],
  },
  {
    name: 'a turn and a pause of a group that is gone',
    broker: [
      `INSERT INTO mq_keyed_turn (subscription_id) VALUES (${NO_ID})`,
      `INSERT INTO mq_paused (subscription_id) VALUES (${NO_ID})`,
    ],
    found: ['group-missing mq_keyed_turn', 'group-missing mq_paused'],
  },
  {
    name: 'a group without a turn',
    broker: [`DELETE FROM mq_keyed_turn WHERE subscription_id = ${ledger}`],
    found: ['turn-missing mq_subscription'],
  },
  {
    name: 'a topic deleted under what is parked',
    broker: [`DELETE FROM mq_topic WHERE name = 'nobody.listens'`],
    found: [
      'topic-missing mq_message N-1',
      'topic-missing mq_message N-2',
      'topic-missing mq_message N-3',
      'topic-missing mq_parked N-1',
      'topic-missing mq_parked N-2',
    ],
  },
  {
    name: 'a subscription of a topic that is gone',
    broker: [
      `INSERT INTO mq_subscription (topic_id, group_name, version) VALUES (${NO_ID}, 'lost', 1)`,
      `INSERT INTO mq_keyed_turn (subscription_id) SELECT id FROM mq_subscription WHERE group_name = 'lost'`,
    ],
    found: ['topic-missing mq_subscription'],
  },
  {
    name: 'a delivery of a group of another topic',
    broker: [`INSERT INTO mq_delivery (subscription_id, seq) SELECT ${ledger}, ${seq('N-1')}`],
    found: ['wrong-topic mq_delivery N-1'],
  },
  {
    name: 'what is parked for another topic than its own',
    broker: [
      `INSERT INTO mq_topic (name) VALUES ('another')`,
      `UPDATE mq_parked SET topic_id = (SELECT id FROM mq_topic WHERE name = 'another') WHERE seq = ${seq('N-1')}`,
    ],
    found: ['message-orphaned mq_message N-1', 'wrong-topic mq_parked N-1'],
  },
  {
    name: 'a message with an ordering key that is delivered out of its line',
    broker: [
      `INSERT INTO mq_delivery (subscription_id, seq) SELECT ${ledger}, ${seq('K-2')}`,
      `DELETE FROM mq_delivery_keyed WHERE subscription_id = ${ledger} AND seq = ${seq('K-2')}`,
    ],
    found: ['wrong-line mq_delivery K-2'],
  },
  {
    name: 'a message without an ordering key that stands in a line',
    broker: [
      `INSERT INTO mq_delivery_keyed (subscription_id, ordering_key, seq) SELECT ${ledger}, 'user-1', ${seq('P-6')}`,
      `DELETE FROM mq_delivery WHERE subscription_id = ${ledger} AND seq = ${seq('P-6')}`,
    ],
    found: ['wrong-line mq_delivery_keyed P-6'],
  },
  {
    name: 'a delivery in the line of another key',
    broker: [
      `UPDATE mq_delivery_keyed SET ordering_key = 'user-3' WHERE subscription_id = ${ledger} AND seq = ${seq('K-2')}`,
    ],
    found: ['wrong-line mq_delivery_keyed K-2'],
  },
  {
    name: 'two of a key under way',
    broker: [
      `UPDATE mq_delivery_keyed SET token = '0123456789abcdef' WHERE subscription_id = ${cards} AND seq = ${seq('K-2')}`,
    ],
    found: ['key-doubled mq_delivery_keyed K-2'],
  },
  {
    name: 'a lease by another group’s claim',
    broker: [`UPDATE mq_claim_answer SET subscription_id = ${ledger}`],
    found: ['wrong-claim mq_delivery P-5', 'wrong-claim mq_delivery_keyed K-1'],
  },
  {
    name: 'what is parked though a group subscribes',
    broker: [`INSERT INTO mq_parked (topic_id, seq, parked_at) SELECT ${payments}, ${seq('P-6')}, 1`],
    found: ['group-passed-over mq_parked P-6'],
  },
  {
    name: 'leases that count towards a limit that is gone',
    broker: [`DELETE FROM mq_group_limit`],
    found: ['lease-uncounted mq_limited_lease K-1', 'lease-uncounted mq_limited_lease P-5'],
  },
  {
    name: 'leases that count for another group, or as another kind',
    broker: [
      `UPDATE mq_limited_lease SET subscription_id = ${ledger} WHERE seq = ${seq('P-5')}`,
      `UPDATE mq_limited_lease SET ordering_key = NULL WHERE seq = ${seq('K-1')}`,
    ],
    found: ['wrong-limit mq_limited_lease K-1', 'wrong-limit mq_limited_lease P-5'],
  },
  {
    name: 'an accepted id that is gone before its time',
    broker: [
      `DELETE FROM mq_accepted WHERE inner_msg_id IN (SELECT inner_msg_id FROM mq_message WHERE biz_id = 'P-20')`,
    ],
    found: ['accepted-id-missing mq_quarantine P-20'],
  },
  {
    name: 'a repeat that is held for its other body',
    broker: [
      `UPDATE mq_accepted SET body_hash = (SELECT body_hash FROM mq_quarantine WHERE reason = 'other-body') WHERE inner_msg_id = (SELECT inner_msg_id FROM mq_quarantine WHERE reason = 'other-body')`,
    ],
    found: ['wrong-quarantine mq_quarantine P-20'],
  },
  {
    name: 'a floor that has fallen',
    broker: [`DELETE FROM mq_accepted_floor`],
    found: ['wrong-quarantine mq_quarantine P-21'],
  },
  {
    name: 'a copy that is decided about by half',
    broker: [`UPDATE mq_quarantine SET decision = 'discarded' WHERE reason = 'forgotten'`],
    found: ['wrong-quarantine mq_quarantine P-21'],
  },
  {
    name: 'an inner-msg-id twice in the outbox',
    business: [`UPDATE mq_outbox_keyed SET inner_msg_id = (SELECT inner_msg_id FROM mq_outbox_scheduled)`],
    found: ['outbox-doubled mq_outbox O-3'],
  },
  {
    name: 'a body in the outbox that was cut',
    business: [`UPDATE mq_outbox SET body = '{"payment' WHERE biz_id = 'O-1'`],
    found: ['outbox-torn mq_outbox O-1'],
  },
  {
    name: 'a row of the outbox in another line',
    business: [`UPDATE mq_outbox_keyed SET ordering_key = 'user-2'`],
    found: ['outbox-torn mq_outbox_keyed O-3'],
  },
  {
    name: 'a scenario deleted under its rows',
    business: [
      `DELETE FROM mq_scenario WHERE name <> 'none' AND EXISTS (SELECT 1 FROM mq_dedup k WHERE k.scenario_id = mq_scenario.id)`,
      `INSERT INTO mq_scenario (id, name) VALUES (${NO_ID}, 'consumer/5:cards/17:payment.succeeded')`,
    ],
    found: [
      'dedup-missing card P-1',
      'dedup-missing card P-2',
      'dedup-missing card P-3',
      'scenario-missing mq_dedup P-1',
      'scenario-missing mq_dedup P-2',
      'scenario-missing mq_dedup P-3',
      'scenario-missing mq_scenario_contract',
      'scenario-missing mq_scenario_source',
    ],
  },
  {
    name: 'a source deleted under its rows',
    business: [`DELETE FROM mq_scenario_source`],
    found: ['source-missing mq_dedup P-1', 'source-missing mq_dedup P-2', 'source-missing mq_dedup P-3'],
  },
  {
    name: 'a source that is another group’s subscription',
    business: [`UPDATE mq_scenario_source SET group_name = 'others'`],
    found: ['source-missing mq_scenario_source'],
  },
  {
    name: 'a source that is there twice',
    business: [
      `INSERT INTO mq_scenario_source (scenario_id, broker, subscription_id, topic, group_name) SELECT scenario_id, broker, ${NO_ID}, topic, group_name FROM mq_scenario_source`,
    ],
    found: ['source-doubled mq_scenario_source'],
  },
  {
    name: 'a source without the mark of its scenario',
    business: [`UPDATE mq_scenario SET mark = 1`],
    found: ['mark-missing mq_scenario_source'],
  },
  {
    name: 'biz-ids that are kept where nothing was forgotten',
    business: [
      `INSERT INTO mq_dedup_kept (scenario_id, biz_id, landed_at) SELECT scenario_id, biz_id, 1 FROM mq_dedup WHERE biz_id = 'P-1'`,
    ],
    found: ['mark-missing mq_scenario'],
  },
  {
    name: 'biz-ids that are kept for nobody',
    business: [`INSERT INTO mq_dedup_kept (scenario_id, biz_id, landed_at) VALUES (${NO_ID}, 'P-1', 1)`],
    found: ['scenario-missing mq_dedup_kept'],
  },
  {
    name: 'the name of a database that is gone',
    business: [`DELETE FROM mq_outbox_origin`],
    found: ['origin-missing mq_outbox_origin'],
  },
  {
    name: 'the name of a broker that is gone',
    only: 'a broker apart',
    broker: [`DELETE FROM mq_outbox_origin`],
    found: ['origin-missing mq_outbox_origin'],
  },
  {
    name: 'a dedup row that is not finished',
    business: [`UPDATE mq_dedup SET result = X'00' WHERE biz_id = 'P-1'`],
    found: ['dedup-torn mq_dedup P-1'],
  },
  {
    name: 'a dedup row of an executor without a result',
    business: [`UPDATE mq_dedup SET result = NULL, seq = 0, source_id = 0 WHERE biz_id = 'P-1'`],
    found: ['dedup-torn mq_dedup P-1'],
  },
  {
    name: 'a dedup row that names a message of nowhere',
    business: [`UPDATE mq_dedup SET source_id = 0 WHERE biz_id = 'P-1'`],
    found: ['half-named mq_dedup P-1'],
  },
  {
    name: 'a dedup row of a delivery that is still there',
    only: 'one database',
    business: [`UPDATE mq_dedup SET seq = ${seq('P-4')} WHERE biz_id = 'P-1'`],
    found: ['dedup-torn mq_dedup P-1'],
  },
  {
    name: 'a dedup row of a delivery in its line that is still there',
    only: 'one database',
    business: [`UPDATE mq_dedup SET seq = ${seq('K-2')} WHERE biz_id = 'P-1'`],
    found: ['dedup-torn mq_dedup P-1'],
  },
  {
    name: 'an effect that is gone',
    business: [`DELETE FROM card WHERE paymentId = 'P-1'`],
    found: ['effect-missing mq_dedup P-1'],
  },
  {
    name: 'an effect that is there twice',
    business: [`INSERT INTO card (paymentId, issuedBy) VALUES ('P-1', 'hand')`],
    found: ['effect-doubled card P-1'],
  },
  {
    name: 'an effect without a dedup row, also where it is nearly another’s',
    business: [`INSERT INTO card (paymentId, issuedBy) VALUES ('p-1', 'hand')`],
    found: ['dedup-missing card p-1'],
  },
];

describe.each(EVERYWHERE)('an audit, on %s with %s,', (engine, shape) => {
  let world: World;
  let auditor: Auditor;

  beforeAll(async () => {
    world = await openBusyWorld(engine, shape);
    auditor = await Auditor.open(world.business, world.brokers);
  });

  afterAll(async () => {
    await auditor?.close();
    await world?.close();
  });

  it('finds nothing as long as nothing is wrong', async () => {
    expect(told(await auditor.audit())).toEqual([]);
  });

  it.each(corruptions.filter(({ only }) => only === undefined || only === shape))(
    'finds $name, and nothing else',
    async ({ broker = [], business = [], found }) => {
      const restores = [await keep(world.brokerDataSource, broker), await keep(world.dataSource, business)];
      try {
        for (const sql of broker) await world.brokerDataSource.query(bytes(sql));
        for (const sql of business) await world.dataSource.query(/ card /.test(sql) ? sql : bytes(sql));
        expect(told(await auditor.audit())).toEqual(found);
      } finally {
        for (const restore of restores) await restore();
      }
    },
  );

  it('finds what was sent though the outbox says that it was not', async () => {
    const [{ inner_msg_id }] = await world.dataSource.query(
      bytes(`SELECT inner_msg_id FROM mq_outbox WHERE biz_id = 'O-2'`),
    );
    const insert = 'INSERT INTO mq_accepted (inner_msg_id, body_hash) VALUES (?, ?)';
    const restore = await keep(world.brokerDataSource, [insert]);
    await world.brokerDataSource.query(insert, [inner_msg_id, randomBytes(16)]);
    expect(told(await auditor.audit())).toEqual(['sent-unnoted mq_outbox O-2']);
    await restore();
  });

  it('finds nothing any more when all is mended', async () => {
    expect(told(await auditor.audit())).toEqual([]);
  });
});

/** Puts the tables that the statements write into back to what they are now. */
async function keep(dataSource: DataSource, statements: readonly string[]): Promise<() => Promise<void>> {
  const written = statements.flatMap(
    (sql) => /^(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)/.exec(sql)?.[1] ?? [],
  );
  const tables = [...new Set(written)];
  for (const table of tables) await dataSource.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
  return async () => {
    // At once: a group that is paused is handed out something as soon as it is not.
    await dataSource.transaction(async (manager) => {
      for (const table of tables) {
        await manager.query(`DELETE FROM ${table}`);
        await manager.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`);
      }
    });
    for (const table of tables) await dataSource.query(`DROP TABLE kept_${table}`);
  };
}
