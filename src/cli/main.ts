#!/usr/bin/env node
import {
  ConfigurationError,
  IdempotentMqError,
  type IdempotentMqErrorCode,
  describeError,
} from '../errors/index.js';
import { auditCommand } from './audit.command.js';
import { brokerReplacedCommand } from './broker-replaced.command.js';
import type { Command } from './command.js';
import { dataSourceOf } from './data-source.js';
import {
  deadLettersListCommand,
  deadLettersPurgeCommand,
  deadLettersRequeueCommand,
  deadLettersShowCommand,
} from './dead-letters.command.js';
import { findCommand } from './find.command.js';
import { forgetCommand, forgettingCommand } from './forget.command.js';
import {
  groupsListCommand,
  groupsPauseCommand,
  groupsRemoveCommand,
  groupsResumeCommand,
} from './groups.command.js';
import { migrateCommand } from './migrate.command.js';
import { outboxRestoredCommand } from './outbox-restored.command.js';
import { oneLine } from './print/words.js';
import {
  quarantineDiscardCommand,
  quarantineListCommand,
  quarantineReleaseCommand,
  quarantineShowCommand,
} from './quarantine.command.js';
import { NoCommandError, readArguments } from './read-arguments.js';
import { serveCommand } from './serve.command.js';
import { statusCommand } from './status.command.js';
import { helpOf, usageOf } from './usage.js';

const COMMANDS: readonly Command[] = [
  statusCommand,
  findCommand,
  deadLettersListCommand,
  deadLettersShowCommand,
  deadLettersRequeueCommand,
  deadLettersPurgeCommand,
  quarantineListCommand,
  quarantineShowCommand,
  quarantineReleaseCommand,
  quarantineDiscardCommand,
  groupsListCommand,
  groupsPauseCommand,
  groupsResumeCommand,
  groupsRemoveCommand,
  migrateCommand,
  outboxRestoredCommand,
  brokerReplacedCommand,
  forgettingCommand,
  forgetCommand,
  auditCommand,
  serveCommand,
];

const NOT_DONE = 1;
const CALLED_WRONGLY = 2;
/** Codes of what whoever called has given. */
const CALLED_WITH: readonly IdempotentMqErrorCode[] = ['OPTIONS_INVALID', 'BIZ_ID_INVALID'];
/** Of an error; a list of what there is instead may be long. */
const LONGEST = 3_000;

let command: Command | undefined;

async function main(): Promise<number> {
  const { command: wanted, flags, args } = readArguments(process.argv.slice(2), COMMANDS);
  command = wanted;
  if (!command || flags.help !== undefined) {
    process.stdout.write(command ? helpOf(command) : usageOf(COMMANDS));
    return 0;
  }
  const { database, 'data-source': file } = flags;
  const { defaultDatabase } = command;
  const dataSource = () =>
    dataSourceOf({ database: database ?? (file === undefined ? defaultDatabase : undefined), file });
  return (await command.run({ flags, args, dataSource })) ?? 0;
}

function told(error: unknown): string {
  if (error instanceof NoCommandError) return `${error.message}\n\n${usageOf(COMMANDS)}`;
  if (error instanceof ConfigurationError && !command)
    return `${oneLine(error.message, LONGEST)} See --help.\n`;
  return `${oneLine(describeError(error), LONGEST)}\n`;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(told(error));
    const isAboutFlags = error instanceof IdempotentMqError && CALLED_WITH.includes(error.code);
    process.exitCode = isAboutFlags ? CALLED_WRONGLY : (command?.notDone ?? NOT_DONE);
  },
);
