import { writeFileSync } from 'node:fs';
import { IdempotentMqOperations } from '../../src/index.js';
import { runCli, urlOf } from '../cli/support/run-cli.js';
import { World } from '../forgetting/support/world.js';
import { Desk, PaymentRefunded } from '../operate/support/desk.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { until } from '../support/until.js';
import { read } from './markdown.js';

// Property: what docs/cli.md shows is what the commands print, one after the other, as they stand there.
// MQ_WRITE_DOCS=1 writes what they print into it.

const DOCS = 'docs/cli.md';
const BLOCK = /^```console\n\$ npx nestjs-idempotent-mq (.+)\n([\s\S]*?)^```$/gm;
const DATABASE = '--data-source dist/ormconfig.js';
const HOUR_MS = 3_600_000;
/** For the first payments of the day. */
const EARLIER_MS = 2 * HOUR_MS;
/** Some thirty processes, one after the other. */
const MANY_COMMANDS_MS = 240_000;

/** Exit statuses that the text above their blocks speaks of; that of the others is 0. */
const EXIT_STATUS: Readonly<Record<string, number>> = {
  'find payment.succeeded P-999': 1,
  'dead-letters purge --group cards': 2,
};

describe(DOCS, () => {
  let world: World;

  beforeEach(async () => {
    world = await World.open('sqlite', 'one database', { providers: [Desk] });
  });

  afterEach(() => world.close());

  /** A shop on a bad day: a card is issued, two are refused, one has to wait, and two copies came too late. */
  async function openShop(): Promise<void> {
    const desk = world.app.nest.get(Desk);
    await world.quarantine('P-119');
    await world.quarantine('P-120');
    await world.publish('P-122');
    desk.rejects.set('P-123', 'the user has no address');
    await world.publish('P-123');
    desk.rejects.set('P-118', 'the account is closed');
    await world.publish('P-118');
    desk.rejects.clear();
    await world.app.outbox.publish(PaymentRefunded, payment('P-121'), { standalone: true });
    await until('what is done is gone', async () => {
      await world.app.broker.sweep();
      const { messages } = await world.app.nest
        .get(IdempotentMqOperations)
        .find(PaymentSucceeded.name, 'P-122');
      return messages.every(({ stages }) => stages.every(({ stage }) => stage === 'done'));
    });
    await world.letDaysPass(EARLIER_MS / (24 * HOUR_MS));
    await haveFailedEarlier();
    desk.fails.set('P-124', 'the printer is out of paper');
    await world.publish('P-124');
  }

  /** Days pass for columns, and not within what a handler's errors are noted in. */
  async function haveFailedEarlier(): Promise<void> {
    const letters: { seq: number; errors: Buffer }[] = await world.dataSource.query(
      'SELECT seq, errors FROM mq_dead_letter',
    );
    for (const { seq, errors } of letters) {
      const earlier = errors
        .toString()
        .replace(ISO_TIME, (time) => new Date(Date.parse(time) - EARLIER_MS).toISOString());
      await world.dataSource.query('UPDATE mq_dead_letter SET errors = ? WHERE seq = ?', [
        Buffer.from(earlier),
        seq,
      ]);
    }
  }

  it(
    'shows what the commands print',
    async () => {
      await openShop();
      const docs = read(DOCS);
      const alike = whateverTheDay(String(world.business.options.database));
      const blocks = [...docs.matchAll(BLOCK)];
      expect(blocks.length).toBeGreaterThan(20);
      let printed = docs;
      for (const [block, command] of blocks) {
        const called = command!.replace(` ${DATABASE}`, '');
        const args = [...called.split(' '), '--database', urlOf(world.business)];
        const { code, stdout, stderr } = await runCli(args);
        expect([called, code]).toEqual([called, EXIT_STATUS[called] ?? 0]);
        await world.settle();
        // As the shop's own process does.
        await world.app.broker.sweep();
        const shown = `\`\`\`console\n$ npx nestjs-idempotent-mq ${command}\n${alike(stdout + stderr)}\`\`\``;
        printed = printed.replace(block, () => shown);
      }
      if (process.env.MQ_WRITE_DOCS) writeFileSync(DOCS, printed);
      else expect(printed).toBe(docs);
    },
    MANY_COMMANDS_MS,
  );
});

const ISO_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const NOW = Date.parse('2026-03-29T09:00:00.000Z');

/** What is another one each time is written as on one certain day; all else stays as it is printed. */
function whateverTheDay(file: string): (text: string) => string {
  const ids = new Map<string, number>();
  const nth = (id: string) => ids.get(id) ?? ids.set(id, ids.size + 1).get(id)!;
  const rules: Record<string, (text: string) => string> = {
    'the file': (text) => text.replaceAll(file, '/data/shop.sqlite'),
    'inner-msg-ids, each another one': (text) =>
      text.replace(
        /\b[0-9a-f]{32}\b/g,
        (id) => `019d3871f8c07b2f9d0b6d0a4f0f1c${String(nth(id)).padStart(2, '0')}`,
      ),
    'times, to the hour': (text) =>
      text.replace(ISO_TIME, (time) => {
        // A quarter on top: a retry's delay is drawn from between half an hour and an hour.
        const hours = Math.round((Date.parse(time) - Date.now()) / HOUR_MS + 0.25);
        return new Date(NOW + hours * HOUR_MS).toISOString();
      }),
    'ages in JSON, to the hour': (text) =>
      text.replace(
        /("oldest\w*Ms": )(\d+)/g,
        (_, name: string, ms: string) => `${name}${Math.round(Number(ms) / HOUR_MS) * HOUR_MS}`,
      ),
    // How many calls a runtime notes above it differs from time to time.
    'a stack, down to the handler of a shop': (text) =>
      text.replace(/^( +at Desk\.issue) \(.+\)\n(?: +at .+\n)*/gm, '$1 (/app/dist/desk.js:12:13)\n'),
    // A column keeps its width.
    'ages in words, to the hour': (text) =>
      text.replace(/( +)2h \d+m\b/g, (age, { length }: string) =>
        length > 1 ? '2h'.padStart(age.length) : ' 2h',
      ),
  };
  return (text) => Object.values(rules).reduce((so, rule) => rule(so), text);
}
