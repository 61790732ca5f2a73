import { runExample } from './run-example.js';

/** Some seconds of accidents, plus the start of a dozen processes, on a machine that may have more to do. */
const PATIENCE_MS = 240_000;
const PAYMENTS = 100;
const TWICE = PAYMENTS / 10;

const mariadb = process.env.MQ_TEST_MARIADB_URL;
const databases = [
  { name: 'SQLite', args: [] },
  ...(mariadb ? [{ name: 'MariaDB', args: ['--database', mariadb.replace(/^mysql:/, 'mariadb:')] }] : []),
];

describe.each(databases)('npm run demo, on $name', ({ name, args }) => {
  it(
    'issues one card for each payment, whoever is killed or stalled',
    async () => {
      const { status, output, numbers } = await runExample('demo/demo.ts', [
        '--payments',
        `${PAYMENTS}`,
        ...args,
      ]);
      expect(output).toContain(`on ${name}`);
      expect(output).toMatch(/^ {2}lost 0, doubled 0$/m);
      expect(output).not.toContain('void');
      expect(numbers).toMatchObject({
        published: PAYMENTS + TWICE,
        landed: PAYMENTS + TWICE,
        cards: PAYMENTS,
        'workers stalled': 1,
      });
      // Two groups get each message, and what a killed worker had begun comes once more.
      expect(numbers.redelivered).toBeGreaterThan(0);
      expect(numbers.delivered).toBeGreaterThanOrEqual(2 * numbers.landed!);
      expect(numbers['workers killed']).toBeGreaterThan(0);
      expect(numbers['duplicates absorbed']).toBeGreaterThan(0);
      expect(numbers['SMS sent']).toBeGreaterThanOrEqual(PAYMENTS + TWICE);
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );
});

describe('npm run demo -- --without-dedup', () => {
  it(
    'issues extra cards, and says so with its exit status',
    async () => {
      const { status, output, numbers } = await runExample('demo/demo.ts', [
        '--payments',
        `${PAYMENTS}`,
        '--without-dedup',
      ]);
      const [, doubled] = /^ {2}lost 0, doubled (\d+)$/m.exec(output) ?? [];
      // Each second message makes a card at least; a redelivery may make more.
      expect(Number(doubled)).toBeGreaterThanOrEqual(TWICE);
      expect(numbers.cards).toBe(PAYMENTS + Number(doubled));
      expect(numbers['duplicates absorbed']).toBe(0);
      expect(status).toBe(1);
    },
    PATIENCE_MS,
  );
});

describe('npm run demo, called wrongly', () => {
  it.each([
    [['--payments', '0'], '--payments must be a whole number from 1 (got 0).'],
    [
      ['--database', 'postgres://localhost/'],
      '--database must be a URL that begins with mysql:// or mariadb://.',
    ],
    [['--no-dedup'], "Unknown option '--no-dedup'"],
  ])(
    '%j says what is wrong, and how it is right',
    async (args, complaint) => {
      const { status, output } = await runExample('demo/demo.ts', args);
      expect(output).toContain(complaint);
      expect(output).toContain('npm run demo -- [options]');
      expect(status).toBe(1);
    },
    PATIENCE_MS,
  );
});
