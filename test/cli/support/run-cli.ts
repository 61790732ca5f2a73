import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { bundle } from '../../support/bundle.js';
import type { TestDatabase } from '../../support/engines.js';

const ROOT = join(__dirname, '../../..');
const FIXTURES = join(__dirname, '../fixtures');

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

let bundled: Promise<string> | undefined;

/** Runs the command as a process of its own, in the folder of the files that name DataSources. */
export async function runCli(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const main = await (bundled ??= bundle(join(ROOT, 'src/cli/main.ts')));
  return new Promise((resolve, reject) => {
    const options = { cwd: FIXTURES, env: { ...process.env, ...env }, timeout: 50_000 };
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

/** Where the DataSources of the fixtures connect to. */
export function connectingTo({ options }: TestDatabase, more: object = {}): Record<string, string> {
  return { MQ_CLI_OPTIONS: JSON.stringify({ ...options, ...more }) };
}

interface ServerOptions {
  username: string;
  password: string;
  host: string;
  port: number;
}

/** The database as `--database` takes it. */
export function urlOf({ engine, options }: TestDatabase): string {
  const database = String(options.database);
  if (engine === 'sqlite') return `sqlite:${database}`;
  const { username, password, host, port } = options as unknown as ServerOptions;
  return `${engine}://${encodeURIComponent(username)}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
}
