#!/usr/bin/env node
import { ConfigurationError, IdempotentMqError, describeError } from '../errors/index.js';
import { auditCommand } from './audit.command.js';
import { brokerReplacedCommand } from './broker-replaced.command.js';
import type { Command } from './command.js';
import { dataSourceOf } from './data-source.js';
import { forgettingCommand } from './forgetting.command.js';
import { migrateCommand } from './migrate.command.js';
import { outboxRestoredCommand } from './outbox-restored.command.js';
import { NoCommandError, readArguments } from './read-arguments.js';
import { serveCommand } from './serve.command.js';
import { usageOf } from './usage.js';

const COMMANDS: readonly Command[] = [
  migrateCommand,
  outboxRestoredCommand,
  brokerReplacedCommand,
  forgettingCommand,
  auditCommand,
  serveCommand,
];

const NOT_DONE = 1;
const CALLED_WRONGLY = 2;

let command: Command | undefined;

async function main(): Promise<number> {
  const { command: wanted, flags } = readArguments(process.argv.slice(2), COMMANDS);
  command = wanted;
  if (!command) {
    process.stdout.write(usageOf(COMMANDS));
    return 0;
  }
  const { database, 'data-source': file } = flags;
  const dataSource = await dataSourceOf({
    database: database ?? (file === undefined ? command.defaultDatabase : undefined),
    file,
  });
  return (await command.run(dataSource, flags)) ?? 0;
}

function told(error: unknown): string {
  if (error instanceof NoCommandError) return `${error.message}\n\n${usageOf(COMMANDS)}`;
  if (error instanceof ConfigurationError && !command) return `${error.message} See --help.\n`;
  return `${describeError(error)}\n`;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(told(error));
    const isAboutFlags = error instanceof IdempotentMqError && error.code === 'OPTIONS_INVALID';
    process.exitCode = isAboutFlags ? CALLED_WRONGLY : (command?.notDone ?? NOT_DONE);
  },
);
