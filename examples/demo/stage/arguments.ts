import { parseArgs } from 'node:util';
import { checkDatabaseUrl } from '../../shared/example-database.js';
import { HelpWanted } from '../../shared/run-example.js';
import { withoutPassword } from '../../shared/without-password.js';
import type { Shape } from './shape.js';

export interface DemoArguments {
  payments: number;
  database: string | undefined;
  /** An engine in the broker's place, where the shape is `through-an-engine`. */
  broker: string | undefined;
  shape: Shape;
  withoutDedup: boolean;
}

const USAGE = `  npm run demo -- [options]

  --payments N       how many payments there are (default 1000)
  --database URL     mysql://user:password@host:port/, mariadb://… or postgres://…, where the demo creates databases of
                     its own and drops them in the end (default: temporary SQLite files)
  --one-database     payment system, broker and card system share one: then no ACK travels, and none is lost.
                     Here the URL may name an empty database
  --over-the-network the broker is a service, of which two instances run; the network between loses, cuts, delays and
                     swallows what the systems say to it
  --broker URL       amqp://user:password@host:port/vhost or nats://user:password@host:port: RabbitMQ or NATS JetStream
                     in the broker's place. What the demo makes there has a prefix of its own, and goes in the end
  --without-dedup    issues the cards without dedup, to show the extra ones`;

/** @throws Error saying what is wrong, and how it is right */
export function readArguments(args: string[]): DemoArguments {
  try {
    return check(args);
  } catch (cause) {
    if (cause instanceof HelpWanted) throw cause;
    throw new Error(`${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function check(args: string[]): DemoArguments {
  const { values } = parseArgs({
    args,
    options: {
      payments: { type: 'string', default: '1000' },
      database: { type: 'string' },
      broker: { type: 'string' },
      'one-database': { type: 'boolean', default: false },
      'over-the-network': { type: 'boolean', default: false },
      'without-dedup': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { payments, database, broker } = values;
  if (values.help) throw new HelpWanted(`What the demo takes:\n\n${USAGE}`);
  if (!/^[1-9]\d{0,6}$/.test(payments)) {
    throw new Error(`--payments must be a whole number from 1 (got ${payments}).`);
  }
  checkDatabaseUrl(database);
  checkBrokerUrl(broker);
  const shape = shapeOf(values);
  if (database && shape !== 'together' && new URL(database).pathname.length > 1) {
    throw new Error(
      `--database must name no database, unless with --one-database: the demo creates its own (got ${withoutPassword(database)}).`,
    );
  }
  return { payments: Number(payments), database, broker, shape, withoutDedup: values['without-dedup'] };
}

function checkBrokerUrl(url: string | undefined): void {
  if (url !== undefined && !(URL.canParse(url) && /^(amqp|nats):\/\/./.test(url))) {
    throw new Error(
      `--broker must be a URL that begins with amqp:// or nats:// (got ${withoutPassword(url)}).`,
    );
  }
}

interface ShapeValues {
  broker?: string | undefined;
  'one-database': boolean;
  'over-the-network': boolean;
}

function shapeOf(values: ShapeValues): Shape {
  if (values.broker !== undefined) {
    const other = (['one-database', 'over-the-network'] as const).find((option) => values[option]);
    if (!other) return 'through-an-engine';
    throw new Error(
      `--broker ${withoutPassword(values.broker)} and --${other} exclude each other: the engine is the broker then.`,
    );
  }
  if (!values['over-the-network']) return values['one-database'] ? 'together' : 'apart';
  if (!values['one-database']) return 'over-the-network';
  throw new Error(
    '--over-the-network and --one-database exclude each other: a service has its own database.',
  );
}
