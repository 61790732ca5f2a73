import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import { openServer } from './raw.js';

export type Engine = 'sqlite' | 'mariadb' | 'mysql';

export interface CampaignDatabase {
  readonly engine: Engine;
  readonly options: DataSourceOptions;
  /** The same, reached at another port of this machine. */
  at(port: number): DataSourceOptions;
  drop(): Promise<void>;
}

/** @param url `mariadb://` or `mysql://`, of a user who may create databases, or one of the two names; undefined: SQLite */
export function engineOf(url: string | undefined): Engine {
  if (url === undefined) return 'sqlite';
  if (isEngineOfServers(url)) return url;
  const scheme = new URL(url).protocol.slice(0, -1);
  if (isEngineOfServers(scheme)) return scheme;
  throw new Error(`--database must be a URL that begins with mysql:// or mariadb:// (got ${scheme}://).`);
}

export function isEngineOfServers(name: string | undefined): name is 'mariadb' | 'mysql' {
  return name === 'mariadb' || name === 'mysql';
}

export function createDatabase(url: string | undefined, kind: string): Promise<CampaignDatabase> {
  return url === undefined ? createFile() : createOnServer(url, kind);
}

async function createFile(): Promise<CampaignDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'mq-campaign-'));
  const options: DataSourceOptions = { type: 'better-sqlite3', database: join(folder, 'campaign.sqlite') };
  return {
    engine: 'sqlite',
    options,
    at: () => options,
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function createOnServer(address: string, kind: string): Promise<CampaignDatabase> {
  const engine = engineOf(address) as 'mariadb' | 'mysql';
  const url = new URL(address);
  const server = {
    host: url.hostname,
    port: Number(url.port || 3306),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  const database = `mq_campaign_${kind}_${randomBytes(5).toString('hex')}`;
  const onServer = async (statement: string) => {
    const raw = openServer(server);
    await raw.query(statement).finally(() => raw.close());
  };
  await onServer(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  const options = { type: engine, ...server, database } as DataSourceOptions;
  return {
    engine,
    options,
    at: (port) => ({ ...options, host: '127.0.0.1', port }) as DataSourceOptions,
    drop: () => onServer(`DROP DATABASE IF EXISTS ${database}`),
  };
}
