import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import { type Answer, ask } from '../dashboard/support/mounted.js';
import { until } from '../support/until.js';

const ROOT = join(__dirname, '../..');
const PATIENCE_MS = 120_000;
const LOGIN = 'ops:correct horse battery staple';
const PROOF = { authorization: `Basic ${Buffer.from(LOGIN).toString('base64')}` };

// P-4, P-8 and so on are told of twice, those of u-3 (P-3, P-10, P-17) can't be told by SMS, and every fifth card jams.
const PAYMENTS = 20;
const TWICE = 5;
const JAMS = 4;
const UNREACHABLE = ['P-17', 'P-10', 'P-3'];

interface Told {
  title: string;
  group: string;
  deadLetters: { value: number };
  rows: { value: number };
}

describe('npm run example:operations', () => {
  const shop = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', 'examples/operations/operations.ts'],
      ...['--port', '0', '--payments', `${PAYMENTS}`],
    ],
    { cwd: ROOT, env: { ...process.env, OPERATORS_LOGIN: LOGIN }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(shop, 'close');
  let output = '';
  let url: string;
  let file: string;

  beforeAll(async () => {
    for (const stream of [shop.stdout, shop.stderr]) stream.on('data', (text) => (output += text));
    await Promise.race([until('it says where it is', isIntroduced, { limitMs: PATIENCE_MS }), endedBefore()]);
    url = /dashboard +(http:\S+)\/ops\/messages/.exec(output)![1]!;
    file = /status --database sqlite:(\S+)/.exec(output)![1]!;
    const isThrough = () =>
      rows('SELECT SUM(announcements) AS n FROM payment')[0].n === PAYMENTS + TWICE &&
      rows('SELECT (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_waiting) AS n')[0].n === 0;
    await until('all are through', isThrough, { limitMs: PATIENCE_MS, everyMs: 50 });
  }, 2 * PATIENCE_MS);

  afterAll(async () => {
    shop.kill('SIGKILL');
    await ended;
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(`${url}${path}`, { headers });

  it('has a card for each payment, whatever went wrong', () => {
    const cards = rows('SELECT payment_id AS id, COUNT(*) AS n FROM card GROUP BY payment_id');
    expect(cards).toHaveLength(PAYMENTS);
    expect(cards.filter(({ n }) => n !== 1)).toEqual([]);
  });

  it('counts that at /metrics', async () => {
    // Gauges are read again after ten seconds.
    await until('the gauge has them', async () => (await scrape()).dead_letters?.sms === UNREACHABLE.length, {
      everyMs: 200,
    });
    const seen = await scrape();
    expect({
      published: seen.published_total?.[''],
      repeats: seen.duplicates_absorbed_total?.['card-issuing'],
      retries: seen.retries_scheduled_total?.['card-issuing'],
      dead: seen.dead_lettered_total?.sms,
      remembered: seen.dedup_rows?.[''],
    }).toEqual({
      published: PAYMENTS + TWICE,
      repeats: TWICE,
      retries: JAMS,
      dead: UNREACHABLE.length,
      remembered: PAYMENTS,
    });
  });

  it('is alive, and not well as long as there are dead letters', async () => {
    const [live, all] = [await get('/health/live'), await get('/health')];
    expect([live.status, all.status]).toEqual([200, 503]);
    expect(all.json.error['idempotent-mq'].problems).toEqual([
      expect.stringMatching(/^Dead letters: 3 \(deadLetters: 0\), 3 of sms \(payment\.succeeded\)\./),
    ]);
  });

  it('has told the pager of each dead letter', () => {
    const told = [...output.matchAll(/^ {2}pager: dead-lettered: (\S+): Error: u-3 has no number/gm)];
    expect(told.map(([, bizId]) => bizId).reverse()).toEqual(UNREACHABLE);
  });

  it.each(['/ops/messages', '/ops/messages/api/dead-letters', '/ops/messages/api/session', '/traces/P-4'])(
    'shows %s to nobody without a login',
    async (path) => {
      const other = { authorization: `Basic ${Buffer.from('ops:guessed').toString('base64')}` };
      expect([(await get(path)).status, (await get(path, other)).status]).toEqual([401, 401]);
      expect((await get(path, PROOF)).status).toBe(200);
    },
  );

  it('has the dashboard show the dead letters, and what became of a payment', async () => {
    const { letters } = (await get('/ops/messages/api/dead-letters', PROOF)).json;
    expect(letters.map(({ bizId }: { bizId: string }) => bizId)).toEqual(UNREACHABLE);
    const story = await get('/ops/messages/api/story?topic=payment.succeeded&bizId=P-3', PROOF);
    const parts = story.json.messages[0].parts.map(({ title }: Told) => title);
    expect(parts).toEqual(['Stored by the broker', 'Dead in sms', 'Took effect in card-issuing']);
    expect((await get('/ops/messages', PROOF)).text).toContain('<title>Shop, production</title>');
  });

  it('has a trace of each message of a payment: a repeat is absorbed, a jam tried again', async () => {
    const traces = async (bizId: string) => (await get(`/traces/${bizId}`, PROOF)).text.split('\n\n');
    const repeated = await traces('P-4');
    expect(repeated).toHaveLength(2);
    for (const [i, outcome] of ['acknowledged', 'duplicate-absorbed'].entries()) {
      expect(repeated[i]).toMatch(/^publish payment\.succeeded$/m);
      expect(repeated[i]).toMatch(
        new RegExp(`^ {2}process payment\\.succeeded, card-issuing, 1, ${outcome}$`, 'm'),
      );
    }
    const [jammed] = /failed for (P-\d+), attempt 1 of/.exec(output)!.slice(1);
    expect((await traces(jammed!))[0]).toMatch(
      /card-issuing, 1, retry-scheduled\n[^]*card-issuing, 2, acknowledged/,
    );
  });

  it('has the command line tell the same of its database', async () => {
    const { groups, scenarios } = await cli('status');
    const dead = groups.map(({ group, deadLetters }: Told) => [group, deadLetters.value]);
    expect(dead).toEqual([
      ['card-issuing', 0],
      ['sms', UNREACHABLE.length],
    ]);
    expect(scenarios.map(({ rows }: Told) => rows.value)).toEqual([PAYMENTS]);
    const { messages } = await cli('find', 'payment.succeeded', 'P-3');
    expect(messages).toHaveLength(1);
    expect(messages[0].stages).toEqual([
      expect.objectContaining({ stage: 'landed' }),
      expect.objectContaining({ stage: 'dead', group: 'sms', reason: 'rejected' }),
      expect.objectContaining({ stage: 'done', group: 'card-issuing', byThis: true }),
    ]);
  });

  it('has the dashboard requeue for a page that an operator has open, and for nobody else', async () => {
    const session = await get('/ops/messages/api/session', PROOF);
    const [cookie] = (session.headers['set-cookie'] as string[]).map((one) => one.split(';', 1)[0]!);
    const ofThePage = {
      ...{ cookie: cookie!, 'x-idempotent-mq-token': session.json.token as string },
      ...{ origin: url, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
    };
    const [{ id }] = (await get('/ops/messages/api/dead-letters', PROOF)).json.letters;
    const requeue = (headers: Record<string, string>) =>
      ask(`${url}/ops/messages/api/requeue-dead-letters`, {
        ...{ method: 'POST', headers, body: JSON.stringify({ ids: [id] }) },
      });
    expect((await requeue(ofThePage)).status).toBe(401);
    expect((await requeue({ ...ofThePage, ...PROOF, 'x-idempotent-mq-token': 'guessed' })).status).toBe(403);
    expect((await scrape()).dead_lettered_total?.sms).toBe(UNREACHABLE.length);

    expect((await requeue({ ...ofThePage, ...PROOF })).json).toEqual({ count: 1 });
    // It is tried again, and is as dead as it was.
    const isDeadAgain = async () => (await scrape()).dead_lettered_total?.sms === UNREACHABLE.length + 1;
    await until('it was tried again', isDeadAgain, { everyMs: 50 });
  });

  it('ends well, and leaves nothing behind', async () => {
    shop.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(existsSync(file)).toBe(false);
  });

  const isIntroduced = () => output.includes('dead-letters requeue --group sms');

  async function endedBefore(): Promise<never> {
    await ended;
    throw new Error(`It ended: ${output}`);
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  function rows(sql: string): any[] {
    const database = new Sqlite(file, { readonly: true });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }

  /** What /metrics says, by name and group. */
  async function scrape(): Promise<Record<string, Record<string, number>>> {
    const seen: Record<string, Record<string, number>> = {};
    for (const [, name, labels, value] of (await get('/metrics')).text.matchAll(
      /^idempotent_mq_(\w+)\{(.*)\} (\S+)$/gm,
    )) {
      const [, group = ''] = /group="([^"]+)"/.exec(labels!) ?? [];
      (seen[name!] ??= {})[group] = Number(value);
    }
    return seen;
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async function cli(...args: string[]): Promise<any> {
    const [tsx, main] = [['--import', 'tsx'], 'src/cli/main.ts'];
    const asked = [...tsx, main, ...args, '--json', '--database', `sqlite:${file}`];
    const { stdout } = await promisify(execFile)(process.execPath, asked, { cwd: ROOT });
    return JSON.parse(stdout);
  }
});
