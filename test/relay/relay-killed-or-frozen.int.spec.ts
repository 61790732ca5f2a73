import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bundle } from '../support/bundle.js';
import { engines } from '../support/engines.js';
import { until } from '../support/until.js';
import type { MortalOrders } from './mortal-relay.js';
import { type BrokerParts, type BusinessParts, drain, openBroker, openBusiness } from './parts.js';
import { type TwoDatabases, twoDatabases } from './support.js';

// Property: a relay's process that gets kill -9 at any of its statements and COMMITs, the broker's part of it included, loses
// and doubles nothing. (relay-dies.int.spec.ts has the answers that get lost.)

describe.each(engines)('a relay whose process is killed, on %s,', (engine) => {
  let program: string;
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;

  beforeAll(async () => {
    program = await bundle(join(__dirname, 'mortal-relay.ts'));
  });

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
    await parts.broker.sweep();
  });

  afterEach(async () => {
    await business.close();
    await parts.close();
    await databases.drop();
  });

  const runRelay = (diesAt: number) =>
    new Promise<{ signal: NodeJS.Signals | null; steps: number | undefined }>((resolve, reject) => {
      const orders: MortalOrders = { ...databases, diesAt, signal: 'SIGKILL', statementTimeoutMs: 15_000 };
      const env = { ...process.env, MQ_MORTAL: JSON.stringify(orders) };
      execFile(process.execPath, [program], { env }, (error, stdout, stderr) => {
        if (error && error.signal !== 'SIGKILL') reject(new Error(stderr, { cause: error }));
        else resolve({ signal: error?.signal ?? null, steps: error ? undefined : JSON.parse(stdout).steps });
      });
    });

  it('at each of its statements and COMMITs, loses and doubles nothing', async () => {
    const expected: Record<string, number> = {};
    const publish = async (round: number) => {
      await business.put([{ bizId: `A-${round}` }]);
      await business.put([{ bizId: `B-${round}`, orderingKey: Buffer.from('b') }]);
      // One that is due, and one whose id is replaced.
      await business.put([{ bizId: `C-${round}`, innerMsgId: Buffer.alloc(16, round) }], { deliverAt: 1 });
      for (const letter of ['A', 'B', 'C']) expected[`${letter}-${round}`] = 1;
    };

    await publish(1);
    const { steps } = await runRelay(0);
    expect(await parts.landed()).toEqual(expected);
    expect(steps).toBeGreaterThan(15);
    for (let at = 1; at <= steps!; at++) {
      await publish(at + 1);
      expect(await runRelay(at)).toEqual({ signal: 'SIGKILL', steps: undefined });
      // The server may not have noticed yet that the relay is dead, which was about to take the one that is due.
      await until('all have landed', async () => {
        await drain(business, business.relay(parts.broker));
        return Object.keys(await parts.landed()).length === Object.keys(expected).length;
      });
      expect(await parts.landed()).toEqual(expected);
    }
    expect(await parts.quarantined()).toEqual({});
    for (const table of ['outbox_keyed', 'outbox_scheduled']) expect(await business.count(table)).toBe(0);
  }, 240_000);
});

// Property: one that is frozen (SIGSTOP, a paused machine, a network that is gone) in the middle of whatever it does keeps its
// locks for statementTimeoutMs: then others go on. On SQLite a frozen writer keeps the file.

const servers = engines.filter((engine) => engine !== 'sqlite');
/** Every so many of its statements and COMMITs. */
const EVERY = 5;
const STATEMENT_TIMEOUT_MS = 2_000;

if (servers.length > 0) {
  describe.each(servers)('a relay whose process is frozen, on %s,', (engine) => {
    let program: string;
    let databases: TwoDatabases;
    let parts: BrokerParts;
    let business: BusinessParts;
    const frozen: ChildProcess[] = [];

    beforeAll(async () => {
      program = await bundle(join(__dirname, 'mortal-relay.ts'));
    });

    beforeEach(async () => {
      databases = await twoDatabases(engine);
      parts = await openBroker(databases.broker);
      business = await openBusiness(databases.business);
      await parts.broker.sweep();
    });

    afterEach(async () => {
      for (const each of frozen.splice(0)) each.kill('SIGKILL');
      await business.close();
      await parts.close();
      await databases.drop();
    });

    /** @returns whether it came to that */
    const freezeAt = async (diesAt: number): Promise<boolean> => {
      const orders: MortalOrders = {
        ...databases,
        diesAt,
        signal: 'SIGSTOP',
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      };
      const env = { ...process.env, MQ_MORTAL: JSON.stringify(orders) };
      const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      frozen.push(child);
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      return said.toString().startsWith('now');
    };

    it('holds up the others no longer than its statements may take, wherever it was', async () => {
      const expected: Record<string, number> = {};
      for (let at = 1; ; at += EVERY) {
        await business.put([{ bizId: `A-${at}` }]);
        await business.put([{ bizId: `B-${at}`, orderingKey: Buffer.from('b') }]);
        for (const letter of ['A', 'B']) expected[`${letter}-${at}`] = 1;
        const isFrozen = await freezeAt(at);
        const relay = business.relay(parts.broker);
        await until(`all have landed, although one is frozen at ${at}`, async () => {
          await business.endLeases().catch(() => undefined);
          await relay.relayOnce().catch(() => undefined);
          return Object.keys(await parts.landed()).length === Object.keys(expected).length;
        });
        expect(await parts.landed()).toEqual(expected);
        if (!isFrozen) break;
      }
      expect(frozen.length).toBeGreaterThan(4);
    }, 240_000);
  });
}
