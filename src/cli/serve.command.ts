import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConsoleLogger, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { DataSourceOptions } from 'typeorm';
import { ConfigurationError, InvalidOptionError, describeError } from '../errors/index.js';
import { IdempotentMqBrokerModule } from '../idempotent-mq-broker.module.js';
import type { BrokerToken } from '../service/index.js';
import type { Command } from './command.js';
import { missingFileOf } from './sqlite-file.js';

interface ServeOptions {
  host: string | undefined;
  port: string | undefined;
  /** A file with a JSON array of tokens. */
  tokens: string | undefined;
  schema: string | undefined;
  durability: string | undefined;
  tablePrefix: string | undefined;
}

const DEFAULT_PORT = 7788;

/** Where the broker's messages are unless a database is named. */
export const DEFAULT_SERVED_DATABASE = 'sqlite:idempotent-mq-broker.sqlite';

export const serveCommand: Command = {
  name: 'serve',
  summary: 'the broker as a service, for apps with broker: { url }',
  help:
    `It runs until it is told to stop. --port ${DEFAULT_PORT}, --host 127.0.0.1 and --schema ensure unless given; --database ${DEFAULT_SERVED_DATABASE} unless given, a file of the folder in which it is started; ` +
    '--tokens FILE, a JSON array of who may do what; --durability warn',
  flags: { host: 'value', port: 'value', tokens: 'value', schema: 'value', durability: 'value' },
  examples: ['serve --database mysql://root:secret@127.0.0.1:3306/broker --port 7788 --tokens tokens.json'],
  defaultDatabase: DEFAULT_SERVED_DATABASE,
  async run({ dataSource, flags }) {
    const { 'table-prefix': tablePrefix, host, port, tokens, schema, durability } = flags;
    const { options } = await dataSource();
    await serve(options, { tablePrefix, host, port, tokens, schema, durability });
  },
};

/**
 * The broker as a service, until the process is told to stop.
 *
 * @throws InvalidOptionError, ConfigurationError naming what is wrong
 */
export async function serve(
  dataSource: DataSourceOptions,
  { host, port, tokens, schema = 'ensure', durability, tablePrefix }: ServeOptions,
): Promise<INestApplicationContext> {
  const logger = new ServeLogger();
  const missing = missingFileOf({ options: dataSource });
  if (missing !== undefined)
    logger.log(`There is no file ${missing}: it is made, for a new broker.`, 'serve');
  const app = await NestFactory.createApplicationContext(
    IdempotentMqBrokerModule.forRoot({
      dataSource,
      listen: { ...(host !== undefined && { host }), port: portOf(port) },
      schema: schema as 'ensure',
      ...(tokens !== undefined && { tokens: readTokens(tokens) }),
      ...(durability !== undefined && { durability: durability as 'warn' }),
      ...(tablePrefix !== undefined && { tablePrefix }),
    }),
    { abortOnError: false, bufferLogs: false, logger },
  );
  app.enableShutdownHooks();
  return app;
}

/** Without the stack with which Nest tells of what it throws: whoever called says it, in a line. */
class ServeLogger extends ConsoleLogger {
  override error(message: unknown, ...more: unknown[]): void {
    if (more.at(-1) !== 'ExceptionHandler') super.error(message, ...(more as string[]));
  }
}

function portOf(given: string | undefined): number {
  if (given === undefined) return DEFAULT_PORT;
  if (/^\d{1,5}$/.test(given)) return Number(given);
  throw new InvalidOptionError('--port', given, 'a whole number from 0 to 65535');
}

function readTokens(file: string): BrokerToken[] {
  try {
    return JSON.parse(readFileSync(resolve(file), 'utf8')) as BrokerToken[];
  } catch (cause) {
    // Not JSON's own words: they repeat what is in the file.
    const why = cause instanceof SyntaxError ? 'it is no JSON' : describeError(cause);
    throw new ConfigurationError(
      `--tokens ${file} could not be read: ${why}. It must hold an array such as [{ "name": "shop", "sha256": "…", "publish": ["payment.succeeded"] }].`,
      { cause: cause instanceof SyntaxError ? undefined : cause },
    );
  }
}
