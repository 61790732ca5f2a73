import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataSource } from 'typeorm';
import { InvalidOptionError } from '../errors/index.js';

/**
 * The DataSource that the command line names.
 *
 * @throws InvalidOptionError when it names none, both ways, or one that can't be understood
 */
export async function dataSourceOf({
  database,
  file,
}: {
  database: string | undefined;
  file: string | undefined;
}): Promise<DataSource> {
  if (database !== undefined && file === undefined) return fromUrl(database);
  if (file !== undefined && database === undefined) return fromFile(file);
  throw new InvalidOptionError('--database or --data-source', database && file, 'given, one of the two');
}

function fromUrl(url: string): DataSource {
  const [scheme] = url.split(':', 1);
  switch (scheme) {
    case 'mysql':
    case 'mariadb':
      return new DataSource({ type: scheme, url });
    case 'sqlite': {
      const path = url.slice('sqlite:'.length).replace(/^\/\/(?!\/)/, '');
      return new DataSource({ type: 'better-sqlite3', database: path });
    }
    default:
      throw new InvalidOptionError(
        '--database',
        redacted(url),
        'a URL that begins with mysql:, mariadb: or sqlite:',
      );
  }
}

async function fromFile(file: string): Promise<DataSource> {
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  // A CommonJS module that was compiled from `export default` has it one level deeper.
  const inner = (module.default ?? {}) as Record<string, unknown>;
  const found = [module.default, ...Object.values(module), ...Object.values(inner)].find(isDataSource);
  if (!found)
    throw new InvalidOptionError('--data-source', file, 'a module that exports a TypeORM DataSource');
  return found;
}

/** Not instanceof: the file may have loaded another copy of TypeORM. */
function isDataSource(value: unknown): value is DataSource {
  return typeof value === 'object' && value !== null && 'initialize' in value && 'createQueryRunner' in value;
}

function redacted(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@');
}
