import { writeFileSync } from 'node:fs';
import { runCli, urlOf } from '../cli/support/run-cli.js';
import { World } from '../forgetting/support/world.js';
import { Desk, PaymentRefunded } from '../operate/support/desk.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { until } from '../support/until.js';
import { read } from './markdown.js';

// What docs/cli.md shows is what the commands print: they are run one after the other, as they stand there.
// MQ_WRITE_DOCS=1 writes what they print into it.

const DOCS = 'docs/cli.md';
const BLOCK = /^```console\n\$ npx nestjs-idempotent-mq (.+)\n([\s\S]*?)^```$/gm;
const DATABASE = '--data-source dist/ormconfig.js';
const TWO_HOURS_IN_DAYS = 2 / 24;
/** Some thirty processes, one after the other. */
const MANY_COMMANDS_MS = 240_000;
const AN_HOUR_MS = 3_600_000;

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
    await world.letDaysPass(TWO_HOURS_IN_DAYS);
    desk.fails.set('P-124', 'the printer is out of paper');
    await world.publish('P-124');
    await until('only what waits is left', async () => {
      await world.app.broker.sweep();
      const { messages } = await find('P-122');
      return messages.length === 1;
    });
  }

  const find = async (bizId: string) => {
    const args = ['find', PaymentSucceeded.name, bizId, '--json', '--database', urlOf(world.business)];
    return JSON.parse((await runCli(args)).stdout) as { messages: unknown[] };
  };

  it(
    'shows what the commands print',
    async () => {
      await openShop();
      const docs = read(DOCS);
      let printed = docs;
      const blocks = [...docs.matchAll(BLOCK)];
      expect(blocks.length).toBeGreaterThan(15);
      for (const [block, command] of blocks) {
        const args = command!.replace(DATABASE, `--database ${urlOf(world.business)}`).split(' ');
        const { stdout, stderr } = await runCli(args);
        await world.settle();
        const shown = anyDay(
          `${stdout}${stderr}`.replaceAll(String(world.business.options.database), '/data/shop.sqlite'),
        );
        printed = printed.replace(
          block,
          () => `\`\`\`console\n$ npx nestjs-idempotent-mq ${command}\n${shown}\`\`\``,
        );
      }
      if (process.env.MQ_WRITE_DOCS) writeFileSync(DOCS, printed);
      else expect(printed).toBe(docs);
    },
    MANY_COMMANDS_MS,
  );
});

/** What is another one each time: days, and ids that are made by chance. */
function anyDay(text: string): string {
  const now = Date.now();
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, (time) => {
      const ahead = new Date(time).getTime() - now;
      if (ahead < -24 * AN_HOUR_MS) return '2026-03-28T09:00:00.000Z';
      if (ahead < -AN_HOUR_MS) return '2026-03-29T07:00:00.000Z';
      return ahead < 0 ? '2026-03-29T09:00:00.000Z' : '2026-03-29T10:00:00.000Z';
    })
    .replace(/\b[0-9a-f]{32}\b/g, '019d3871f8c07b2f9d0b6d0a4f0f1c11')
    .replace(/("\w*Ms": )\d+(?!\d*0{5})/g, '$17200000');
}
