import * as statements from '../../src/storage/statements/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import {
  type BrokerParts,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  WINDOW_MS,
  idAt,
  openBroker,
  send,
  sent,
} from './parts.js';

// Property: the broker's own statements keep the order that floor.int.spec.ts shows to be needed: here the forgetting
// comes between any two of them. Each of three broken orders lands an id twice in the same play.

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

const actual = jest.requireActual<typeof statements>('../../src/storage/statements/index.js');

describe.each(engines)('an id that is forgotten while its late copy comes, on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await parts.close();
    await database.drop();
  });

  const OLD_MS = WINDOW_MS + DAY_MS;
  const old = () => sent('P-1', { innerMsgId: idAt(Date.now() - OLD_MS) });
  const fate = async () => ({
    landed: (await parts.landed())['P-1'],
    quarantined: (await parts.quarantined())['P-1'] ?? 0,
  });

  /** The landing's first look into the accepted ids, with something before it. */
  const beforeLooking = (work: (...args: Parameters<typeof actual.findAccepted>) => Promise<unknown>) => {
    let looked = false;
    jest.spyOn(statements, 'findAccepted').mockImplementation(async (...args) => {
      if (!looked) {
        looked = true;
        await work(...args);
      }
      return actual.findAccepted(...args);
    });
  };

  // With SQLite's one writer at a time nothing comes between the statements of a transaction.
  if (engine !== 'sqlite') {
    it('is quarantined, although it was still known when the copy set out', async () => {
      const message = old();
      await send(parts.broker, [message]);
      beforeLooking(() => parts.another().sweep());
      expect(await send(parts.broker, [message])).toEqual(['quarantined']);
      expect(await fate()).toEqual({ landed: 1, quarantined: 1 });
    });

    it('is absorbed where it goes after the landing has seen it', async () => {
      const message = old();
      await send(parts.broker, [message]);
      jest.spyOn(statements, 'findAccepted').mockImplementation(async (...args) => {
        const found = await actual.findAccepted(...args);
        await parts.another().sweep();
        return found;
      });
      expect(await send(parts.broker, [message])).toEqual(['duplicate']);
      jest.restoreAllMocks();
      expect(await send(parts.broker, [message])).toEqual(['quarantined']);
      expect(await fate()).toEqual({ landed: 1, quarantined: 1 });
    });

    it('is undone and quarantined where it is new, and the floor passes it by between its insert and its COMMIT', async () => {
      const message = old();
      jest.spyOn(statements, 'insertAccepted').mockImplementationOnce(async (...args) => {
        await actual.insertAccepted(...args);
        await parts.another().sweep();
      });
      expect(await send(parts.broker, [message])).toEqual(['quarantined']);
      expect(await fate()).toEqual({ landed: undefined, quarantined: 1 });
    });

    it('is still known after the floor has passed it by between its landing and its COMMIT', async () => {
      const message = old();
      jest.spyOn(statements, 'findKnownClaims').mockImplementationOnce(async (...args) => {
        await parts.another().sweep();
        return actual.findKnownClaims(...args);
      });
      expect(await send(parts.broker, [message])).toEqual(['landed']);
      expect(await send(parts.broker, [message])).toEqual(['duplicate']);
      await parts.broker.sweep();
      expect(await send(parts.broker, [message])).toEqual(['quarantined']);
      expect(await fate()).toEqual({ landed: 1, quarantined: 1 });
    });

    it('would land twice if the floor were read before the id is inserted', async () => {
      const message = old();
      await send(parts.broker, [message]);
      let on: unknown;
      beforeLooking(async (_database, connection) => {
        on = connection;
        await parts.another().sweep();
      });
      // What it would have read before the forgetting began.
      jest
        .spyOn(statements, 'readFloor')
        .mockImplementation(async (...args) => (args[1] === on ? undefined : actual.readFloor(...args)));
      expect(await send(parts.broker, [message])).toEqual(['landed']);
      expect(await fate()).toMatchObject({ landed: 2 });
    });
  }

  it('is quarantined each time that it comes after it was forgotten', async () => {
    const message = old();
    await send(parts.broker, [message]);
    await parts.broker.sweep();
    for (let i = 0; i < 3; i++) expect(await send(parts.broker, [message])).toEqual(['quarantined']);
    expect(await fate()).toEqual({ landed: 1, quarantined: 3 });
    expect(await parts.count('quarantine')).toBe(1);
  });

  it('would land twice if it went before the floor is committed', async () => {
    const message = old();
    await send(parts.broker, [message]);
    let floor: statements.Floor | undefined;
    jest.spyOn(statements, 'insertFloor').mockImplementation(async (_database, _on, raised) => {
      floor = raised;
    });
    const read = jest.spyOn(statements, 'readFloor').mockImplementation(async () => floor);
    await parts.broker.sweep();
    read.mockRestore();
    expect(await send(parts.broker, [message])).toEqual(['landed']);
    await parts.connections.control((on) => actual.insertFloor(parts.connections.database, on, floor!));
    expect(await fate()).toMatchObject({ landed: 2 });
  });

  describe('whose publisher is an hour ahead', () => {
    /** Accepted a window and a minute ago. */
    const ahead = () => sent('P-1', { innerMsgId: idAt(Date.now() - WINDOW_MS - MINUTE_MS + HOUR_MS) });

    it('is absorbed: it is forgotten by its own time, not by that of its landing', async () => {
      const message = ahead();
      await send(parts.broker, [message]);
      await parts.broker.sweep();
      expect(await send(parts.broker, [message])).toEqual(['duplicate']);
      expect(await fate()).toEqual({ landed: 1, quarantined: 0 });
    });

    it('would land twice if ids were forgotten by the time of their landing', async () => {
      const message = ahead();
      await send(parts.broker, [message]);
      jest.spyOn(statements, 'findForgettable').mockResolvedValueOnce([message.innerMsgId]);
      await parts.broker.sweep();
      expect(await send(parts.broker, [message])).toEqual(['landed']);
      expect(await fate()).toMatchObject({ landed: 2 });
    });
  });
});
