import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataSource } from 'typeorm';
import { ConfigurationError, InvalidOptionError, describeError } from '../errors/index.js';

/**
 * The DataSource that the command line names.
 *
 * @throws InvalidOptionError when it names none, both ways, or one that can't be understood
 */
export async function dataSourceOf({
  database,
  file,
  flag = '--database',
}: {
  database: string | undefined;
  file?: string | undefined;
  /** That has named the database. @default --database */
  flag?: string;
}): Promise<DataSource> {
  if (database !== undefined && file === undefined) return fromUrl(flag, database);
  if (file !== undefined && database === undefined) return fromFile(file);
  throw new ConfigurationError(
    `Name the database by --database or --data-source: ${file === undefined ? 'neither' : 'both'} was given, and it must be one of the two ` +
      '(such as --database mysql://user:password@host:port/name, --database sqlite:path/to/file, or --data-source dist/ormconfig.js).',
  );
}

function fromUrl(flag: string, url: string): DataSource {
  const [scheme] = url.split(':', 1);
  switch (scheme) {
    case 'mysql':
    case 'mariadb':
      // TypeORM takes what it can't read for a host named otherwise, or for the standard port.
      if (!URL.canParse(url) || new URL(url).pathname.length <= 1) {
        throw incomplete(flag, url, scheme);
      }
      return new DataSource({ type: scheme, url });
    case 'postgres':
    case 'postgresql':
      if (!URL.canParse(url) || new URL(url).pathname.length <= 1) throw incomplete(flag, url, scheme);
      return new DataSource({ type: 'postgres', url });
    case 'sqlite': {
      const path = url.slice('sqlite:'.length).replace(/^\/\/(?!\/)/, '');
      if (!path) throw new InvalidOptionError(flag, url, 'sqlite:path/to/file');
      return new DataSource({ type: 'better-sqlite3', database: path });
    }
    default:
      throw new InvalidOptionError(
        flag,
        redacted(url),
        `a URL that begins with mysql:, mariadb:, postgres: or sqlite:${isPath(url) ? ` (for a SQLite file: sqlite:${url})` : ''}`,
      );
  }
}

function incomplete(flag: string, url: string, scheme: string): InvalidOptionError {
  return new InvalidOptionError(
    flag,
    redacted(url),
    `a URL like ${scheme}://user:password@host:port/name, with special characters of the password encoded (%2F for /)`,
  );
}

function isPath(text: string): boolean {
  return !text.includes('@') && !/^\w+:/.test(text);
}

async function fromFile(file: string): Promise<DataSource> {
  const module = await load(file);
  // A CommonJS module that was compiled from `export default` has it one level deeper.
  const inner = (module.default ?? {}) as Record<string, unknown>;
  for (const only of [module.default, inner.default]) if (isDataSource(only)) return prepared(only);
  const named = new Map<DataSource, string>();
  for (const [name, value] of Object.entries({ ...inner, ...module })) {
    if (isDataSource(value) && !named.has(value)) named.set(value, name);
  }
  const [found, ...more] = named.keys();
  if (found && more.length === 0) return prepared(found);
  throw new InvalidOptionError(
    '--data-source',
    file,
    `a module that exports one TypeORM DataSource${found ? `, not several (${[...named.values()].join(', ')})` : ''}`,
  );
}

async function load(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    // What was meant for --database: the error would repeat its password.
    if (/^\w+:\/\//.test(file)) {
      throw new InvalidOptionError('--data-source', redacted(file), 'a file; give a URL as --database');
    }
    const compiled = /\.[cm]?tsx?$/.test(file)
      ? '. Node does not run all of TypeScript: give the compiled file (dist/….js), or start it with node --import tsx'
      : '';
    throw new ConfigurationError(
      `--data-source ${file} could not be loaded: ${describeError(error)}${compiled}`,
      { cause: error },
    );
  }
}

/** The library's tables are all that this command may change, whatever the app's DataSource does when it connects. */
function prepared(dataSource: DataSource): DataSource {
  return dataSource.setOptions({ synchronize: false, dropSchema: false, migrationsRun: false });
}

/** Not instanceof: the file may have loaded another copy of TypeORM. */
function isDataSource(value: unknown): value is DataSource {
  return typeof value === 'object' && value !== null && 'initialize' in value && 'createQueryRunner' in value;
}

/** Without all that may be a password, however it is misspelt: what follows the scheme, up to the last @. */
export function redacted(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, '$1…@');
}
