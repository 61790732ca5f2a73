import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import { openServer } from './raw.js';

export type EngineOfServers = 'mariadb' | 'mysql' | 'postgres';
export type Engine = 'sqlite' | EngineOfServers;

const PORTS: Record<EngineOfServers, number> = { mariadb: 3306, mysql: 3306, postgres: 5432 };

export interface CampaignDatabase {
  readonly engine: Engine;
  readonly options: DataSourceOptions;
  /** The same, reached at another port of this machine. */
  at(port: number): DataSourceOptions;
  drop(): Promise<void>;
}

/** @param url `mariadb://`, `mysql://` or `postgres://`, of a user who may create databases, or one of the names; undefined: SQLite */
export function engineOf(url: string | undefined): Engine {
  if (url === undefined) return 'sqlite';
  if (isEngineOfServers(url)) return url;
  const scheme = new URL(url).protocol.slice(0, -1);
  if (isEngineOfServers(scheme)) return scheme;
  throw new Error(
    `--database must be a URL that begins with mysql://, mariadb:// or postgres:// (got ${scheme}://).`,
  );
}

export function engineOfOptions({ type }: DataSourceOptions): Engine {
  return type === 'better-sqlite3' ? 'sqlite' : (type as EngineOfServers);
}

export function isEngineOfServers(name: string | undefined): name is EngineOfServers {
  return name === 'mariadb' || name === 'mysql' || name === 'postgres';
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
  const engine = engineOf(address) as EngineOfServers;
  const url = new URL(address);
  const server = {
    type: engine,
    host: url.hostname,
    port: Number(url.port || PORTS[engine]),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  const database = `mq_campaign_${kind}_${randomBytes(5).toString('hex')}`;
  const onServer = async (statement: string) => {
    const raw = openServer(server);
    await raw.query(statement).finally(() => raw.close());
  };
  const onPostgres = engine === 'postgres';
  await onServer(`CREATE DATABASE ${database}${onPostgres ? '' : ' CHARACTER SET utf8mb4'}`);
  const options = { ...server, database } as DataSourceOptions;
  return {
    engine,
    options,
    at: (port) => ({ ...options, host: '127.0.0.1', port }) as DataSourceOptions,
    // Also where a process that was killed has left a connection which nobody has told its server of.
    drop: () => onServer(`DROP DATABASE IF EXISTS ${database}${onPostgres ? ' WITH (FORCE)' : ''}`),
  };
}
