import { execFile, spawn } from 'node:child_process';
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

/**
 * Runs the command with a terminal (`script` gives it one), and answers what it asks.
 *
 * @param answer called once, when it asks
 * @returns all that the terminal showed, and the exit status
 */
export async function runCliAtTerminal(
  args: string[],
  answer: () => Promise<string>,
): Promise<{ code: number | null; shown: string }> {
  const main = await (bundled ??= bundle(join(ROOT, 'src/cli/main.ts')));
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(' ');
  const script = spawn('script', ['-qec', command, '/dev/null'], { cwd: FIXTURES, timeout: 50_000 });
  let shown = '';
  let isAnswered = false;
  script.stdout.on('data', (text) => {
    shown += text;
    if (isAnswered || !shown.includes('Type yes to go on')) return;
    isAnswered = true;
    void answer().then(
      (line) => script.stdin.write(`${line}\n`),
      () => script.kill(),
    );
  });
  const code = await new Promise<number | null>((resolve) => script.once('close', resolve));
  return { code, shown };
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
