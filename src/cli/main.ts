#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { describeError } from '../errors/index.js';
import { dataSourceOf, redacted } from './data-source.js';
import { migrateCommand } from './migrate.command.js';

const USAGE = `Usage: nestjs-idempotent-mq migrate (--database URL | --data-source FILE) [--table-prefix PREFIX]

Creates the library's tables, or brings them up to date. Any number of processes may do it at once.

  --database URL         mysql://user:password@host:port/name, mariadb://…, or sqlite:path/to/file
  --data-source FILE     a module whose default export, or only one, is a TypeORM DataSource (ormconfig.js)
  --table-prefix PREFIX  as in forRoot({ tablePrefix }); mq_ unless given

Examples:
  npx nestjs-idempotent-mq migrate --database mysql://root:secret@127.0.0.1:3306/shop
  npx nestjs-idempotent-mq migrate --data-source dist/ormconfig.js
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      database: { type: 'string' },
      'data-source': { type: 'string' },
      'table-prefix': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (positionals.length !== 1 || positionals[0] !== 'migrate') {
    process.stderr.write(`${wrongCommand(positionals)}\n\n${USAGE}`);
    return 2;
  }
  const dataSource = await dataSourceOf({ database: values.database, file: values['data-source'] });
  await migrateCommand(dataSource, values['table-prefix']);
  return 0;
}

function wrongCommand([command, ...more]: string[]): string {
  if (command === undefined) return 'A command is missing: migrate.';
  if (command !== 'migrate') return `There is no command ${redacted(command)}. The only one is migrate.`;
  return `migrate takes no argument without a flag: give ${redacted(more[0]!)} as --database or --data-source.`;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  },
);
