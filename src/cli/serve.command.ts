import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { DataSourceOptions } from 'typeorm';
import { ConfigurationError, InvalidOptionError, describeError } from '../errors/index.js';
import { IdempotentMqBrokerModule } from '../idempotent-mq-broker.module.js';
import type { BrokerToken } from '../service/index.js';

export interface ServeFlags {
  host: string | undefined;
  port: string | undefined;
  /** A file with a JSON array of tokens. */
  tokens: string | undefined;
  schema: string | undefined;
  durability: string | undefined;
  tablePrefix: string | undefined;
}

const DEFAULT_PORT = 7788;

/** Where the broker's messages are unless --database says otherwise. */
export const DEFAULT_SERVED_DATABASE = 'sqlite:idempotent-mq-broker.sqlite';

/**
 * The broker as a service, until the process is told to stop.
 *
 * @throws InvalidOptionError, ConfigurationError naming what is wrong with the flags
 */
export async function serveCommand(
  dataSource: DataSourceOptions,
  { host, port, tokens, schema = 'ensure', durability, tablePrefix }: ServeFlags,
): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(
    IdempotentMqBrokerModule.forRoot({
      dataSource,
      listen: { ...(host !== undefined && { host }), port: portOf(port) },
      schema: schema as 'ensure',
      ...(tokens !== undefined && { tokens: readTokens(tokens) }),
      ...(durability !== undefined && { durability: durability as 'warn' }),
      ...(tablePrefix !== undefined && { tablePrefix }),
    }),
    // What is wrong is said once, by whoever called.
    { abortOnError: false, bufferLogs: false },
  );
  app.enableShutdownHooks();
  return app;
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
