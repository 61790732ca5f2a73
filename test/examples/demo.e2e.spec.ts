import { describeEachInPlace } from '../support/engines-in-place.js';
import { jetstreamUrl } from '../support/jetstream.js';
import { rabbitmqUrl } from '../support/rabbitmq.js';
import { runExample } from './run-example.js';

/** Some seconds of accidents, plus the start of a dozen processes, on a machine that may have more to do. */
const PATIENCE_MS = 360_000;
const PAYMENTS = 200;
const TWICE = PAYMENTS / 10;
/** Each of the network's faults takes its time. */
const FEW_PAYMENTS = 40;
const NETWORK = [
  'ACK 3 lost',
  'ACK 5 lost',
  'answers to ACK 5 lost',
  'requests cut',
  'answers cut',
  'requests delayed',
  'black holes',
];
const CUT_OFF = ['ACK 3 lost', 'ACK 5 lost', 'ACK 3 cut off', 'ACK 5 cut off', 'all cut off'];

const mariadb = process.env.MQ_TEST_MARIADB_URL;
const databases = [
  { name: 'SQLite', args: [] },
  ...(mariadb ? [{ name: 'MariaDB', args: ['--database', mariadb.replace(/^mysql:/, 'mariadb:')] }] : []),
];
const postgres = process.env.MQ_TEST_POSTGRES_URL;
const onPostgres = postgres
  ? [{ name: 'PostgreSQL', args: ['--database', new URL('/', postgres).href] }]
  : [];

describe.each([...databases, ...onPostgres])('npm run demo, on $name', ({ name, args }) => {
  it(
    'issues one card for each payment, whatever ACK is lost and whoever is killed or paused',
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
        'published twice': TWICE,
        'relays killed': 2,
        'relays paused': 1,
        'broker killed': 2,
        'card workers paused': 1,
      });
      expect(numbers['ACK 3 lost']).toBeGreaterThan(0);
      expect(numbers['ACK 5 lost']).toBeGreaterThan(0);
      expect(numbers['card workers killed']).toBeGreaterThanOrEqual(5);
      // Each half has its repeats, and absorbs them. Two groups get each message.
      expect(numbers['sent again']).toBeGreaterThan(0);
      expect(numbers['repeats absorbed']).toBeGreaterThan(0);
      expect(numbers['delivered again']).toBeGreaterThan(0);
      expect(numbers['duplicates absorbed']).toBeGreaterThan(0);
      expect(numbers.delivered).toBeGreaterThanOrEqual(2 * numbers.landed!);
      expect(numbers['SMS sent']).toBeGreaterThanOrEqual(PAYMENTS + TWICE);
      // Sent, landed, delivered and acknowledged twice each. It may be delivered before ACK 3 is missed, and
      // sent and missed more than once before it lands: another accident may have befallen its first sending.
      expect(stepsOf(output)).toMatch(/^1[13]*2/);
      expect([...stepsOf(output)].sort().join('')).toMatch(/^11+22+3+44+55+$/);
      expect(output).toMatch(/^ +One card\.$/m);
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );
});

describe.each(databases)('npm run demo -- --over-the-network, on $name', ({ name, args }) => {
  it(
    'issues one card for each payment, whatever the network does and whoever is killed',
    async () => {
      const { status, output, numbers } = await runExample('demo/demo.ts', [
        '--over-the-network',
        '--payments',
        `${FEW_PAYMENTS}`,
        ...args,
      ]);
      // What went wrong is in what it printed.
      expect(`${output}Exit status ${status}.`).toMatch(/^Exit status 0\.$/m);
      expect(output).toContain(`on ${name}`);
      expect(output).toMatch(/^ {2}lost 0, doubled 0$/m);
      expect(output).not.toContain('void');
      const twice = FEW_PAYMENTS / 10;
      expect(numbers).toMatchObject({
        published: FEW_PAYMENTS + twice,
        landed: FEW_PAYMENTS + twice,
        cards: FEW_PAYMENTS,
        'payment system killed': 1,
        'relays killed': 1,
        'broker killed': 1,
        'card workers killed': 1,
        'card workers paused': 1,
      });
      for (const fault of [...NETWORK, 'repeats absorbed', 'delivered again', 'duplicates absorbed']) {
        expect({ fault, happened: numbers[fault]! > 0 }).toEqual({ fault, happened: true });
      }
      // Its client asks again by itself when a connection breaks: then the relay sends it once.
      expect([...stepsOf(output)].sort().join('')).toMatch(/^1+22+3+44+55+$/);
      expect(output).toMatch(/^ +One card\.$/m);
    },
    PATIENCE_MS,
  );
});

describeEachInPlace(
  (engine) => `npm run demo -- --broker …, through ${engine}`,
  (_, engine) => {
    const url = { rabbitmq: rabbitmqUrl, jetstream: jetstreamUrl }[engine]!;
    // RabbitMQ does not know what it was sent before.
    const repeats = engine === 'rabbitmq' ? 'travelled twice' : 'repeats absorbed';

    it(
      'issues one card for each payment, whatever ACK is lost, whatever is cut off and whoever is killed',
      async () => {
        const { status, output, numbers } = await runExample('demo/demo.ts', [
          '--broker',
          url,
          '--payments',
          `${FEW_PAYMENTS}`,
        ]);
        // What went wrong is in what it printed.
        expect(`${output}Exit status ${status}.`).toMatch(/^Exit status 0\.$/m);
        expect(output).toMatch(/^ {2}lost 0, doubled 0$/m);
        expect(output).toMatch(/^ {2}The broker is not killed: /m);
        const twice = FEW_PAYMENTS / 10;
        expect(numbers).toMatchObject({
          published: FEW_PAYMENTS + twice,
          landed: FEW_PAYMENTS + twice,
          cards: FEW_PAYMENTS,
          'payment system killed': 1,
          'relays killed': 1,
          'card workers killed': 1,
          'card workers paused': 1,
        });
        expect(numbers).not.toHaveProperty(['broker killed']);
        for (const fault of [...CUT_OFF, repeats, 'delivered again', 'duplicates absorbed']) {
          expect({ fault, happened: numbers[fault]! > 0 }).toEqual({ fault, happened: true });
        }
        expect(output).toMatch(/^ +One card\.$/m);
      },
      PATIENCE_MS,
    );

    it(
      'issues extra cards without dedup, and says so with its exit status',
      async () => {
        const { status, output, numbers } = await runExample('demo/demo.ts', [
          '--broker',
          url,
          '--payments',
          '1',
          '--without-dedup',
        ]);
        const [, doubled] = /^ {2}lost 0, doubled (\d+)$/m.exec(output) ?? [];
        expect(Number(doubled)).toBeGreaterThanOrEqual(1);
        expect(numbers.cards).toBe(1 + Number(doubled));
        expect(status).toBe(1);
      },
      PATIENCE_MS,
    );
  },
);

describe('npm run demo -- --one-database', () => {
  it(
    'issues one card for each payment, without an ACK that could be lost',
    async () => {
      const { status, output, numbers } = await runExample('demo/demo.ts', [
        '--one-database',
        '--payments',
        `${PAYMENTS}`,
      ]);
      expect(output).toMatch(/^ {2}lost 0, doubled 0$/m);
      expect(numbers).toMatchObject({ landed: PAYMENTS + TWICE, cards: PAYMENTS, 'card workers paused': 1 });
      expect(numbers['card workers killed']).toBeGreaterThanOrEqual(5);
      expect(numbers['duplicates absorbed']).toBeGreaterThan(0);
      expect(numbers).not.toHaveProperty(['ACK 3 lost']);
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
        '1',
        '--without-dedup',
      ]);
      const [, doubled] = /^ {2}lost 0, doubled (\d+)$/m.exec(output) ?? [];
      // The second message makes a card at least; a redelivery may make more.
      expect(Number(doubled)).toBeGreaterThanOrEqual(1);
      expect(numbers.cards).toBe(1 + Number(doubled));
      expect(numbers['duplicates absorbed']).toBe(0);
      expect(status).toBe(1);
    },
    PATIENCE_MS,
  );
});

describe('npm run demo, without faults', () => {
  it(
    'is void: its exit status is not that of success',
    async () => {
      const { status, output } = await runExample('demo/demo.ts', ['--payments', '1']);
      expect(output).toContain('This run is void: no message lost both ACKs.');
      expect(output).toMatch(/^ {2}lost 0, doubled 0$/m);
      expect(status).toBe(2);
    },
    PATIENCE_MS,
  );
});

describe('npm run demo, called wrongly', () => {
  it(
    'says what is wrong, and how it is right',
    async () => {
      const { status, output } = await runExample('demo/demo.ts', ['--no-dedup']);
      expect(output).toContain("Unknown option '--no-dedup'");
      expect(output).toContain('npm run demo -- [options]');
      expect(status).toBe(1);
    },
    PATIENCE_MS,
  );
});

describe('npm run demo -- --help', () => {
  it(
    'says what it takes, which is no failure',
    async () => {
      const { status, output } = await runExample('demo/demo.ts', ['--help']);
      expect(output).toContain('npm run demo -- [options]');
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );
});

describe('npm run demo, on a server that is not there', () => {
  it(
    'names the option, and no password',
    async () => {
      const { status, output } = await runExample('demo/demo.ts', [
        '--database',
        'mysql://root:secret@127.0.0.1:1/',
      ]);
      expect(output).toMatch(/--database mysql:\/\/\*\*\*@127\.0\.0\.1:1\/ can't be used: .*ECONNREFUSED/);
      expect(output).not.toContain('secret');
      expect(status).toBe(1);
    },
    PATIENCE_MS,
  );
});

/** The steps of the timeline, in the order of time: "123124545". */
function stepsOf(output: string): string {
  return [...output.matchAll(/^ +\d+\.\d{3} s {2}([1-5]) /gm)].map(([, step]) => step).join('');
}
