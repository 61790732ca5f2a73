import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { until } from './until.js';

/** Jest and campaigns are started there; of the two only Jest knows `__dirname`. */
const ROOT = process.cwd();
const URL_VARIABLE = {
  mariadb: 'MQ_TEST_MARIADB_URL',
  mysql: 'MQ_TEST_MYSQL_URL',
  postgres: 'MQ_TEST_POSTGRES_URL',
} as const;

/** A database server for one test alone, which may do to it what nobody else would forgive. */
export class OwnServer {
  /** Of the server that was started again; the first one has a keeper in the other one. */
  private successor: ChildProcess | undefined;

  private constructor(
    readonly url: string,
    private readonly keeper: ChildProcess,
    private readonly command: string[],
    private pid: number,
  ) {}

  /** @param folder where its data is put: that of temporary files unless it says so */
  static async start(
    engine: keyof typeof URL_VARIABLE,
    { folder }: { folder?: string } = {},
  ): Promise<OwnServer> {
    const env = { ...process.env };
    for (const variable of Object.values(URL_VARIABLE)) delete env[variable];
    if (folder) env.TMPDIR = folder;
    const tellUrl = `console.log('URL ' + process.env.${URL_VARIABLE[engine]}); process.stdin.resume()`;
    const command = ['scripts/with-servers.mjs', '--engines', engine, '--', process.execPath, '-e', tellUrl];
    const keeper = spawn(process.execPath, command, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'ignore'] });
    for await (const line of createInterface({ input: keeper.stdout })) {
      const url = /^URL (\w+:.+)$/.exec(line)?.[1];
      if (!url) continue;
      const pid = await pidOf(url);
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
      return new OwnServer(url, keeper, [...asItsUser(engine), ...commandLine], pid);
    }
    throw new Error(`No ${engine} of its own could be started for this test.`);
  }

  /** kill -9: what was not committed is gone. */
  async kill(): Promise<void> {
    const pids = this.stopAll();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until('the server is gone', () => !pids.some(isAlive));
  }

  /** As an operator would, with nothing left to do at the next start. */
  async shutDown(): Promise<void> {
    if (this.url.startsWith('postgres')) {
      process.kill(this.pid, 'SIGINT');
      return until('the server is gone', () => !isAlive(this.pid));
    }
    const connection = await createConnection(this.url);
    await connection.query('SET GLOBAL innodb_fast_shutdown = 0');
    await connection.query('SHUTDOWN');
    connection.destroy();
    await until('the server is gone', () => !isAlive(this.pid));
  }

  /** @param options of the server, beside those that it was started with first */
  async startAgain(options: readonly string[] = []): Promise<void> {
    await this.launch(options);
    await this.ready();
  }

  /** Without waiting until it answers. Like the first, it ends with whoever started it. */
  async launch(options: readonly string[] = []): Promise<void> {
    this.endSuccessor();
    const successor = fork(join(ROOT, 'test/servers/keeper.mjs'), {
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    successor.send({ commands: [[...this.command, ...options]] });
    const [{ group }] = (await once(successor, 'message')) as [{ group: number }];
    this.successor = successor;
    this.pid = group;
  }

  /** As long as it may take on a machine that is busy. */
  async ready(): Promise<void> {
    const answers = () => pidOf(this.url).then(Boolean, () => false);
    await until('the server answers', answers, { limitMs: 60_000, everyMs: 50 });
  }

  freeze(): void {
    for (const pid of this.stopAll()) process.kill(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.processes()) process.kill(pid, 'SIGCONT');
  }

  async close(): Promise<void> {
    if (isAlive(this.pid)) {
      this.thaw();
      for (const pid of this.stopAll()) process.kill(pid, 'SIGKILL');
    }
    this.endSuccessor();
    this.keeper.stdin!.end();
    if (this.keeper.exitCode === null) await once(this.keeper, 'exit');
  }

  /**
   * PostgreSQL has a process for each connection. Those that outlive the first one finish what they are about, and keep the
   * next server from starting; and it must not start another one while they are looked for.
   *
   * @returns all of them
   */
  private stopAll(): number[] {
    if (this.url.startsWith('postgres')) process.kill(this.pid, 'SIGSTOP');
    return this.processes();
  }

  private processes(): number[] {
    if (!this.url.startsWith('postgres')) return [this.pid];
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8');
    return [...children.split(' ').filter(Boolean).map(Number), this.pid];
  }

  private endSuccessor(): void {
    if (this.successor?.connected) this.successor.disconnect();
  }
}

/** PostgreSQL refuses to run as root. */
function asItsUser(engine: keyof typeof URL_VARIABLE): string[] {
  const isRoot = process.getuid?.() === 0;
  return engine === 'postgres' && isRoot
    ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    : [];
}

async function postgresPid(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    const { rows } = await client.query("SELECT pg_read_file('postmaster.pid') AS file");
    return Number.parseInt((rows as { file: string }[])[0]!.file, 10);
  } finally {
    await client.end();
  }
}

async function pidOf(url: string): Promise<number> {
  if (url.startsWith('postgres')) return postgresPid(url);
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query('SELECT @@pid_file AS file, @@datadir AS folder');
    const [{ file, folder }] = rows as [{ file: string; folder: string }];
    return Number(readFileSync(file.startsWith('/') ? file : join(folder, file), 'utf8'));
  } finally {
    await connection.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie has no command line any more.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
