import octokit from '@octokit/webhooks-examples';
import { runExample } from './run-example.js';

const PATIENCE_MS = 120_000;
const SEED = 7;

const deliveries = (octokit as unknown as { examples: unknown[] }[]).flatMap(
  ({ examples }) => examples,
).length;
const mariadb = process.env.MQ_TEST_MARIADB_URL;
const postgres = process.env.MQ_TEST_POSTGRES_URL;
const databases = [
  { name: 'SQLite', args: [] },
  ...(mariadb ? [{ name: 'MariaDB', args: ['--database', mariadb.replace(/^mysql:/, 'mariadb:')] }] : []),
  ...(postgres ? [{ name: 'PostgreSQL', args: ['--database', new URL('/', postgres).href] }] : []),
];

describe.each(databases)('npm run example:webhooks, on $name', ({ name, args }) => {
  it(
    'stores one row for each of the deliveries, however often and from wherever they come',
    async () => {
      const { status, output, numbers } = await runExample('webhook-inbox/webhook-inbox.ts', [
        '--seed',
        `${SEED}`,
        ...args,
      ]);
      expect(deliveries).toBe(329);
      expect(output).toContain(`329 webhooks of GitHub, to an inbox on ${name}`);
      expect(numbers.rows).toBe(deliveries);
      expect(numbers.activities).toBe(deliveries);
      expect(numbers.posted).toBeGreaterThan(deliveries);
      expect(numbers['repeats absorbed']).toBe(numbers.posted! - deliveries);
      expect(output).toMatch(/^ {2}lost 0, doubled 0$/m);
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );
});
