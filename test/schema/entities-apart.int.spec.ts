import {
  AcceptedEntity,
  AcceptedFloorEntity,
  KnownOriginEntity,
  OutboxEntity,
  OutboxOriginEntity,
  OutboxScheduledEntity,
  QuarantineEntity,
  idempotentMqEntities,
} from '../../src/index.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { twoDatabases, startApart } from '../relay/support.js';
import { connect } from './support/tables-of.js';

const HOUR_MS = 3_600_000;

describe.each(engines)(
  'the entities of an outbox and of a broker with a database of its own, on %s',
  (engine) => {
    const entities = idempotentMqEntities(engine === 'sqlite' ? 'better-sqlite3' : engine);

    it('read both databases through repositories', async () => {
      const databases = await twoDatabases(engine);
      let withOther = false;
      const app = await startApart(databases, {
        entities,
        through: (broker) =>
          Object.assign(Object.create(broker) as typeof broker, {
            send: async (shipment: Parameters<typeof broker.send>[0]) => {
              const answers = await broker.send(shipment);
              // The same id with another body, as of a publisher that makes bad ids.
              const others = shipment.messages.map((message) => ({ ...message, body: Buffer.from('{}') }));
              if (!withOther) await broker.send({ ...shipment, messages: others });
              withOther = true;
              return answers;
            },
          }),
      });
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      await app.events('relayed');
      await app.broker.sweep();
      await app.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true, delayMs: HOUR_MS });

      const here = <T extends object>(entity: new () => T) => app.dataSource.getRepository(entity).find();
      const [scheduled] = await here(OutboxScheduledEntity);
      expect(scheduled!.bizId.toString()).toBe('P-2');
      expect(scheduled).toMatchObject({ dueAt: expect.stringMatching(/^\d{16}$/), firstSentAt: null });
      expect(await here(OutboxEntity)).toEqual([]);
      const [origin] = await here(OutboxOriginEntity);
      expect(origin).toMatchObject({ id: 1, claims: expect.stringMatching(/^\d+$/) });

      const broker = await connect(databases.broker, { entities });
      const there = <T extends object>(entity: new () => T) => broker.getRepository(entity).find();
      const [accepted] = await there(AcceptedEntity);
      const [quarantined] = await there(QuarantineEntity);
      expect(quarantined!.innerMsgId.equals(accepted!.innerMsgId)).toBe(true);
      expect(quarantined!.bodyHash.equals(accepted!.bodyHash)).toBe(false);
      expect(quarantined).toMatchObject({ copies: 1, quarantinedAt: expect.stringMatching(/^\d{16}$/) });
      const [floor] = await there(AcceptedFloorEntity);
      expect(floor!.floor.compare(accepted!.innerMsgId)).toBe(-1);
      const [known] = await there(KnownOriginEntity);
      expect(known!.origin.equals(origin!.origin)).toBe(true);
      expect(known!.claims).toBe(origin!.claims);
      await broker.destroy();
      await app.close();
      await databases.drop();
    });
  },
);
