import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Card } from '../../examples/readme/entities.js';
import { type PaymentDone, PaymentSucceeded } from '../../examples/readme/payment-succeeded.js';
import { DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';

/** Property: a client that was written from docs/protocol.md alone loses nothing and doubles nothing, and understands the others. */
const CLIENT = 'examples/python-client/client.py';
const PATIENCE_MS = 120_000;
const PAYMENTS = 100;
const OF_PYTHON = 40;
const OF_NODE = 20;
const SECRET = 'a-secret-of-thirty-two-characters-or-more';

const CONSUMER = 'another-secret-of-thirty-two-characters';

const why = missingPython();
// Counted as skipped, by this name, in the last lines of `npm test`.
const describeEngines = why ? describe.skip.each([why]) : describe.each(engines);

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'node-cards' })
  async issue({ paymentId, userId }: PaymentDone, delivery: DeliveryContext) {
    await delivery.manager.insert(Card, { paymentId, userId });
  }
}

describe('the client in Python', () => {
  it('is less than 150 lines of the standard library', () => {
    expect(readFileSync(CLIENT, 'utf8').trimEnd().split('\n').length).toBeLessThan(150);
  });
});

/** Runs lines of Python that have the client as `client`, and a list `asked` of what it asks of a broker. */
function inClient(lines: string) {
  const before = `
import sqlite3, sys
sys.path.insert(0, "examples/python-client")
import client
asked = []
def ask(base, operation, **fields):
    asked.append(operation)
    return answers.get(operation)
client.ask, answers = ask, {}
`;
  return spawnSync('python3', ['-B', '-c', before + lines], { encoding: 'utf8' });
}

(why ? describe.skip : describe)(`the client in Python, by itself${why ? `: ${why}` : ''}`, () => {
  it('hands back what a COMMIT that failed may have done', () => {
    const { stdout, stderr } = inClient(`
class Database(sqlite3.Connection):
    def __exit__(self, *_):
        self.rollback()
        raise sqlite3.OperationalError("disk I/O error")
db = sqlite3.connect(":memory:", factory=Database)
db.executescript(client.CARDS)
delivery = dict(subscription=1, seq=1, token="t", bizId="P", body='{"paymentId": "P", "userId": "u"}', failures=0, lostLeases=0)
client.consume("http://broker", db, delivery, 0)
print(asked)`);
    expect([stderr, stdout.trim()]).toEqual(['', "['give-back']"]);
  });

  it('takes an answer that has not one for each message for none', () => {
    const { stdout, stderr } = inClient(`
import os, tempfile
folder = tempfile.TemporaryDirectory()
file = os.path.join(folder.name, "payments.sqlite")
db = client.database(file, client.PAYMENTS)
for i in range(2):
    client.pay(db, f"P-{i}", "u")
class Enough(Exception):
    pass
def sleep(seconds):
    raise Enough
client.time.sleep, client.drops_ack = sleep, lambda _: False
answers["send"] = {"answers": [{"kind": "landed"}]}
try:
    client.relay("http://broker", file)
except Enough:
    print(asked, db.execute("SELECT COUNT(*) FROM outbox").fetchone()[0])`);
    expect([stderr, stdout.trim()]).toEqual(['', "['send'] 2"]);
  });
});

describeEngines('the client in Python, with a broker (%s)', (engine) => {
  let database: TestDatabase;
  let service: TestService;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mq-python-'));
    database = await createDatabase(engine as 'sqlite');
    service = await startService(database, {
      tokens: [
        { name: 'everybody', token: SECRET, publish: 'all', consume: 'all' },
        { name: 'consumer', token: CONSUMER, consume: 'all' },
      ],
    });
  });

  afterEach(async () => {
    await service.close();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    'issues one card for each payment, though it drops ACKs in both halves',
    async () => {
      const { output, status } = await runClient(service, [PAYMENTS, PAYMENTS, folder]);
      expect(output).toMatch(/^lost 0, doubled 0$/m);
      expect(status).toBe(0);
      const dropped = numberOf('ACKs to the publisher dropped', output);
      expect(dropped).toBeGreaterThan(0);
      expect(numberOf('resends absorbed', output)).toBeGreaterThanOrEqual(dropped);
      const lost = numberOf('ACKs to the broker dropped', output);
      expect(lost).toBeGreaterThan(0);
      expect(numberOf('redeliveries absorbed', output)).toBeGreaterThanOrEqual(lost);
      const paid = await rowsOf(join(folder, 'payments.sqlite'), 'SELECT id FROM payment ORDER BY id');
      const cards = await rowsOf(
        join(folder, 'cards.sqlite'),
        'SELECT payment_id AS id FROM card ORDER BY payment_id',
      );
      expect(paid).toHaveLength(PAYMENTS);
      expect(cards).toEqual(paid);
      expect(await rowsOf(join(folder, 'payments.sqlite'), 'SELECT * FROM outbox')).toEqual([]);
      expect(await service.broker.groups.list()).toEqual([
        expect.objectContaining({ group: 'python-cards', ready: 0, inFlight: 0, waiting: 0, deadLetters: 0 }),
      ]);
    },
    PATIENCE_MS,
  );

  it(
    'ends, and says so, when the broker refuses what it sends',
    async () => {
      const begun = performance.now();
      const { output, status } = await runClient(service, [5, 5, folder], CLIENT, CONSUMER);
      expect(output).toMatch(/^send 403 .*SCOPE_MISSING/m);
      expect(output).toMatch(/^The relay has failed/m);
      expect(status).toBe(1);
      // Not only when its patience is over.
      expect(performance.now() - begun).toBeLessThan(30_000);
    },
    PATIENCE_MS,
  );

  it(
    'says so when it issues a card twice: a variant without deduplication',
    async () => {
      const variant = join(folder, 'no_dedup.py');
      const source = readFileSync(CLIENT, 'utf8');
      const without = source
        .replace('ON CONFLICT DO NOTHING', 'ON CONFLICT DO UPDATE SET created_at = 0')
        // It waits for redeliveries to be absorbed, and this one absorbs none.
        .replace(/left = unsent or .*/, 'left = cards.total() == len(cards)');
      expect(without.length).not.toBe(source.length);
      expect(without).toContain('left = cards.total()');
      writeFileSync(variant, without);
      const { output, status } = await runClient(service, [20, 20, folder], variant);
      expect(output).toMatch(/^lost 0, doubled [1-9]/m);
      expect(status).toBe(1);
    },
    PATIENCE_MS,
  );

  it(
    'and an app of this library get what the other one publishes',
    async () => {
      const own = await createDatabase(engine as 'sqlite');
      let app: TestApp | undefined;
      try {
        app = await startApp(own, {
          entities: [Card],
          providers: [CardIssuing],
          options: { broker: { url: service.url, token: SECRET } },
        });
        // A group gets what lands after it has subscribed, and the program may be slow to start.
        await service.broker.subscribe({ topic: PaymentSucceeded.name, group: 'python-cards', version: 1 });
        const python = runClient(service, [OF_PYTHON, OF_PYTHON + OF_NODE, folder]);
        const payments = Array.from({ length: OF_NODE }, (_, i) => ({
          paymentId: `node-${i}`,
          userId: 'Zoë "☕" \\ 1',
          amount: 1,
        }));
        await app.outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
        const { output, status } = await python;
        expect(output).toMatch(/^lost 0, doubled 0$/m);
        expect(status).toBe(0);
        await app.events('acknowledged', OF_PYTHON + OF_NODE);
        const ids = [
          ...Array.from({ length: OF_PYTHON }, (_, i) => `py-${i}`),
          ...payments.map(({ paymentId }) => paymentId),
        ];
        const ofApp = await app.dataSource.getRepository(Card).find();
        expect(ofApp.map(({ paymentId }) => paymentId).sort()).toEqual([...ids].sort());
        const ofPython = (await rowsOf(
          join(folder, 'cards.sqlite'),
          'SELECT payment_id, user_id FROM card',
        )) as { payment_id: string; user_id: string }[];
        expect(ofPython.map(({ payment_id }) => payment_id).sort()).toEqual([...ids].sort());
        expect(ofPython.find(({ payment_id }) => payment_id === 'node-0')?.user_id).toBe('Zoë "☕" \\ 1');
      } finally {
        await app?.close();
        await own.drop();
      }
    },
    PATIENCE_MS,
  );
});

function missingPython(): string | undefined {
  const { error, stdout } = spawnSync('python3', ['--version'], { encoding: 'utf8' });
  if (error) return 'python3 is not there';
  const minor = Number(/^Python 3\.(\d+)/.exec(stdout)?.[1]);
  return minor >= 11 ? undefined : `${stdout.trim()} is older than 3.11`;
}

function runClient({ url }: TestService, args: readonly (string | number)[], file = CLIENT, token = SECRET) {
  const env = { ...process.env, BROKER_TOKEN: token };
  return new Promise<{ output: string; status: number | null }>((resolve) => {
    const child = execFile('python3', [file, url, ...args.map(String)], { env }, (_error, stdout, stderr) =>
      resolve({ output: stdout + stderr, status: child.exitCode }),
    );
  });
}

function numberOf(what: string, output: string): number {
  return Number(new RegExp(`(\\d+) ${what}`).exec(output)?.[1]);
}

async function rowsOf(file: string, sql: string): Promise<unknown[]> {
  const dataSource = await new DataSource({ type: 'better-sqlite3', database: file }).initialize();
  try {
    return await dataSource.query<unknown[]>(sql);
  } finally {
    await dataSource.destroy();
  }
}
