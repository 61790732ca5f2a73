#!/usr/bin/env node
import { parseArgs } from 'node:util';
import type { DataSource } from 'typeorm';
import { ConfigurationError, describeError } from '../errors/index.js';
import { AUDIT_FLAGS, auditCommand, auditFailed } from './audit.command.js';
import { brokerReplacedCommand } from './broker-replaced.command.js';
import { dataSourceOf, redacted } from './data-source.js';
import { forgettingCommand } from './forgetting.command.js';
import { migrateCommand } from './migrate.command.js';
import { outboxRestoredCommand } from './outbox-restored.command.js';
import { DEFAULT_SERVED_DATABASE, serveCommand } from './serve.command.js';

interface Flags {
  'table-prefix'?: string | undefined;
  broker?: string | undefined;
  'dedup-ms'?: string | undefined;
  'slack-ms'?: string | undefined;
  host?: string | undefined;
  port?: string | undefined;
  tokens?: string | undefined;
  schema?: string | undefined;
  durability?: string | undefined;
  table?: string | undefined;
  column?: string | undefined;
  scenario?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
  limit?: string | undefined;
  'patience-ms'?: string | undefined;
  json?: string | undefined;
}

const COMMANDS: Record<string, (dataSource: DataSource, flags: Flags) => Promise<number | void>> = {
  migrate: (dataSource, flags) => migrateCommand(dataSource, flags['table-prefix']),
  'outbox-restored': (dataSource, flags) => outboxRestoredCommand(dataSource, flags['table-prefix']),
  'broker-replaced': (dataSource, flags) => brokerReplacedCommand(dataSource, flags['table-prefix']),
  forgetting: (dataSource, flags) =>
    forgettingCommand(dataSource, {
      tablePrefix: flags['table-prefix'],
      broker: flags.broker,
      dedupMs: flags['dedup-ms'],
      slackMs: flags['slack-ms'],
    }),
  audit: (dataSource, { 'table-prefix': tablePrefix, 'patience-ms': patienceMs, ...flags }) =>
    auditCommand(dataSource, { ...flags, tablePrefix, patienceMs }),
  serve: async ({ options }, { 'table-prefix': tablePrefix, host, port, tokens, schema, durability }) => {
    await serveCommand(options, { tablePrefix, host, port, tokens, schema, durability });
  },
};
/** Of these commands alone. */
const OF_SOME: readonly (readonly [commands: readonly string[], flags: readonly (keyof Flags)[]])[] = [
  [['forgetting', 'audit'], ['broker']],
  [['forgetting'], ['dedup-ms', 'slack-ms']],
  [['audit'], AUDIT_FLAGS],
  [['serve'], ['host', 'port', 'tokens', 'schema', 'durability']],
];

const USAGE = `Usage: nestjs-idempotent-mq COMMAND (--database URL | --data-source FILE) [--table-prefix PREFIX]

  migrate                creates the library's tables, or brings them up to date; any number of processes may do it
                         at once
  outbox-restored        after a backup of a publisher's database was restored, and before it publishes again: what is
                         in its outbox may have been sent since the backup, and keeps its inner-msg-ids
  broker-replaced        on a publisher's database, when its broker's place was taken by another one: its outbox may
                         send there from now on

  forgetting             says what of a receiver's dedup log would be forgotten now, and why the rest stays; changes
                         nothing. With a broker apart, --broker URL names the broker's database. --dedup-ms and
                         --slack-ms are as in forRoot({ retention })

  audit                  looks for rows that are missing, doubled, orphaned, torn or contradict each other; changes
                         nothing. With a broker apart, --broker URL. --table NAME --column NAME and --scenario NAME, or
                         --group NAME --topic NAME: a table of yours in which each biz-id has one row. --limit 20, of
                         each kind; --json; --patience-ms, for what a sweeper may still put right. Exit status: 0 nothing
                         is wrong, 1 something is, 2 called wrongly, 3 it could not be done

  serve                  the broker as a service, for apps with broker: { url }. --port 7788, --host 127.0.0.1 and
                         --schema ensure unless given; --database ${DEFAULT_SERVED_DATABASE}
                         unless given; --tokens FILE, a JSON array of who may do what; --durability warn

  --database URL         mysql://user:password@host:port/name, mariadb://…, or sqlite:path/to/file
  --data-source FILE     a module whose default export, or only one, is a TypeORM DataSource (ormconfig.js)
  --table-prefix PREFIX  as in forRoot({ tablePrefix }); mq_ unless given

Examples:
  npx nestjs-idempotent-mq migrate --database mysql://root:secret@127.0.0.1:3306/shop
  npx nestjs-idempotent-mq migrate --data-source dist/ormconfig.js
  npx nestjs-idempotent-mq audit --database mysql://root:secret@127.0.0.1:3306/cards --broker mysql://root:secret@127.0.0.1:3306/broker
  npx nestjs-idempotent-mq serve --database mysql://root:secret@127.0.0.1:3306/broker --port 7788
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      database: { type: 'string', multiple: true },
      'data-source': { type: 'string', multiple: true },
      'table-prefix': { type: 'string', multiple: true },
      broker: { type: 'string', multiple: true },
      'dedup-ms': { type: 'string', multiple: true },
      'slack-ms': { type: 'string', multiple: true },
      host: { type: 'string', multiple: true },
      port: { type: 'string', multiple: true },
      tokens: { type: 'string', multiple: true },
      schema: { type: 'string', multiple: true },
      durability: { type: 'string', multiple: true },
      ...Object.fromEntries(
        AUDIT_FLAGS.filter((flag) => flag !== 'json').map((flag) => [
          flag,
          { type: 'string', multiple: true } as const,
        ]),
      ),
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command] = positionals;
  if (positionals.length !== 1 || !isCommand(command)) {
    process.stderr.write(`${wrongCommand(positionals)}\n\n${USAGE}`);
    return 2;
  }
  for (const [flag, given] of Object.entries(values)) {
    if (Array.isArray(given) && given.length > 1) {
      process.stderr.write(`--${flag} is given ${given.length} times: run the command once for each.\n`);
      return 2;
    }
  }
  const flags: Record<string, string | undefined> = {};
  for (const [flag, given] of Object.entries(values)) {
    flags[flag] = given === true ? '' : Array.isArray(given) ? String(given[0]) : undefined;
  }
  for (const [owners, own] of OF_SOME) {
    const stray = own.find((flag) => flags[flag] !== undefined);
    if (stray && !owners.includes(command)) {
      throw new ConfigurationError(
        `--${stray} belongs to the command ${owners.join(' or ')}, not to ${command}: leave it out.`,
      );
    }
  }
  const isDefault = command === 'serve' && flags.database === undefined && flags['data-source'] === undefined;
  const database = isDefault ? DEFAULT_SERVED_DATABASE : flags.database;
  const dataSource = await dataSourceOf({ database, file: flags['data-source'] });
  return (await COMMANDS[command]!(dataSource, flags)) ?? 0;
}

function isCommand(name: string | undefined): name is string {
  return name !== undefined && Object.hasOwn(COMMANDS, name);
}

function wrongCommand([command, ...more]: string[]): string {
  const known = Object.keys(COMMANDS).join(', ');
  if (command === undefined) return `A command is missing: one of ${known}.`;
  if (!isCommand(command)) return `There is no command ${redacted(command)}. Known are ${known}.`;
  return `${command} takes no argument without a flag: give ${redacted(more[0]!)} as --database or --data-source.`;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    // With 1 an audit says that it has found something.
    process.exitCode = process.argv.includes('audit') ? auditFailed(error) : 1;
  },
);
