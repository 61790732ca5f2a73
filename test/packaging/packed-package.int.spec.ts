import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { emptyDatabase, engines } from '../support/engines.js';
import { compile, generate, passingTests } from './generated.js';

const repository = resolve(__dirname, '../..');
const BUILT_FROM = [
  'package.json',
  'README.md',
  'README-zh-CN.md',
  'CHANGELOG.md',
  'LICENSE',
  'docs',
  'observability',
  'src',
  'scripts',
  'nest-cli.json',
];

/** How an app may load the package, and the file in apps/ that does. */
const LOADED = [
  ['imported by an ESM app', 'esm.mjs'],
  ['required by a CommonJS app', 'require.cjs'],
  ['loaded in its CommonJS copy', 'commonjs.cjs'],
] as const;
/** Beside the version that runs the tests. `npm ci --prefix test/packaging/nodes` brings them, on Linux for x64. */
const OTHER_NODES = ['22', '24'].map(
  (version) => [version, join(__dirname, `nodes/node_modules/node-${version}/bin/node`)] as const,
);

/** The package as npm would publish it, installed into an app. Dependencies are those of the repository. */
describe('the packed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mq-pack-'));
  const tree = join(folder, 'tree');
  const app = join(folder, 'app');
  const installed = join(app, 'node_modules/nestjs-idempotent-mq');

  beforeAll(() => {
    mkdirSync(tree);
    const configs = readdirSync(repository).filter((name) => /^tsconfig.*\.json$/.test(name));
    for (const part of [...BUILT_FROM, ...configs].filter((name) => existsSync(join(repository, name)))) {
      cpSync(join(repository, part), join(tree, part), { recursive: true });
    }
    symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'));
    run(process.execPath, ['scripts/build.mjs'], tree);
    const tarball = run('npm', ['pack', '--ignore-scripts', '--silent'], tree).trim();
    linkDependencies();
    mkdirSync(installed, { recursive: true });
    run('tar', ['-xzf', join(tree, tarball), '-C', installed, '--strip-components=1'], folder);
    cpSync(join(__dirname, 'apps'), app, { recursive: true });
  }, 180_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(LOADED)('publishes and consumes when it is %s', (_, file) => {
    expect(JSON.parse(run(process.execPath, [file], app))).toEqual([{ payment_id: 'P-1' }]);
  });

  describe.each(OTHER_NODES)('on Node %s', (version, node) => {
    const server = engines.find((engine) => engine !== 'sqlite');
    const absent = !existsSync(node) && 'it is not there, npm ci --prefix test/packaging/nodes gets it';
    const missing = server ? absent : 'no server';
    const itRuns = missing ? it.skip : it;
    const why = missing ? ` (skipped: ${missing})` : '';

    itRuns.each(LOADED)(`publishes and consumes when it is %s${why}`, async (_how, file) => {
      const database = await emptyDatabase(server!);
      try {
        const env = { ...process.env, APP_DATABASE: JSON.stringify(database.options) };
        expect(JSON.parse(run(node, [file], app, env))).toEqual([{ payment_id: 'P-1' }]);
      } finally {
        await database.drop();
      }
    });

    const itGenerates = absent ? it.skip : it;
    const whyNot = absent ? ` (skipped: ${absent})` : '';

    itGenerates(`has \`nest g\` make a topic, and a consumer of it${whyNot}`, () => {
      const folder = `paid-on-${version}`;
      expect(generate(app, node, ['topic', folder])).toEqual([`src/${folder}/${folder}.topic.ts`]);
      expect(generate(app, node, ['consumer', `${folder}/cards`, '--no-spec'])).toEqual([
        `src/${folder}/cards/cards.consumer.ts`,
      ]);
    });
  });

  it('has `nest g` make a topic, and a consumer of it that compiles under strict, with a test that passes', () => {
    expect(generate(app, process.execPath, ['topic', 'payment.succeeded'])).toEqual([
      'src/payment-succeeded/payment-succeeded.topic.ts',
    ]);
    expect(generate(app, process.execPath, ['consumer', 'payment-succeeded/card-issuing'])).toEqual([
      'src/payment-succeeded/card-issuing/card-issuing.consumer.ts',
      'src/payment-succeeded/card-issuing/card-issuing.consumer.spec.ts',
    ]);
    compile(app);
    expect(passingTests(app)).toBe(1);
  }, 180_000);

  it('finds a handler that the other copy of it has decorated', () => {
    expect(JSON.parse(run(process.execPath, ['both-copies.mjs'], app))).toEqual([{ payment_id: 'P-1' }]);
  });

  it('brings its command along', () => {
    const database = `sqlite:${join(folder, 'cli.sqlite')}`;
    const bin = join(installed, 'dist/esm/cli/main.js');
    expect(run(process.execPath, [bin, 'migrate', '--database', database], app)).toContain('mq_message');
  });

  it('is what `nest start` builds too, and runs as a broker that is well', async () => {
    rmSync(join(tree, 'dist'), { recursive: true });
    const database = `sqlite:${join(folder, 'started.sqlite')}`;
    const started = spawn(
      process.execPath,
      [join(repository, 'node_modules/@nestjs/cli/bin/nest.js'), 'start'],
      {
        cwd: tree,
        env: { ...process.env, DATABASE_URL: database, PORT: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, as a terminal gives it: Ctrl-C is for all of it.
        detached: true,
      },
    );
    const ended = once(started, 'close');
    try {
      const health = await fetch(`${await addressIn(started)}/v1/health`);
      expect({ status: health.status, body: await health.json() }).toEqual({
        status: 200,
        body: { status: 'ok' },
      });
      expect(existsSync(join(tree, 'dist/esm/index.js'))).toBe(true);
    } finally {
      process.kill(-started.pid!, 'SIGINT');
    }
    // Nobody of the group holds its output any more.
    await ended;
  }, 120_000);

  it.each(['testing', 'rabbitmq', 'jetstream', 'prometheus', 'opentelemetry', 'terminus', 'dashboard'])(
    'has the entry point %s in both formats',
    (entry) => {
      const name = `nestjs-idempotent-mq/${entry}`;
      const [imported, required] = [
        `console.log(Object.keys(await import('${name}')).length > 0)`,
        `console.log(Object.keys(require('${name}')).length > 0)`,
      ];
      expect(run(process.execPath, ['--input-type=module', '-e', imported], app).trim()).toBe('true');
      expect(run(process.execPath, ['--input-type=commonjs', '-e', required], app).trim()).toBe('true');
    },
  );

  it('contains no tests, examples or configuration of the repository', () => {
    expect(readdirSync(installed).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README-zh-CN.md',
      'README.md',
      'dist',
      'docs',
      'observability',
      'package.json',
    ]);
  });

  it('has one README.* at its root, of which npm makes the page of the package', () => {
    expect(readdirSync(installed).filter((name) => /^readme(\.|$)/i.test(name))).toEqual(['README.md']);
  });

  /** Each dependency by itself: the package has to be a real folder among them. */
  function linkDependencies() {
    mkdirSync(join(app, 'node_modules'), { recursive: true });
    for (const name of readdirSync(join(repository, 'node_modules'))) {
      symlinkSync(join(repository, 'node_modules', name), join(app, 'node_modules', name));
    }
  }
});

/** Where a broker says that it listens. */
function addressIn({ stdout, stderr }: ChildProcessByStdio<null, Readable, Readable>): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    const read = (text: Buffer) => {
      output += text.toString();
      const [, address] = /Listening on (http:\S+),/.exec(output) ?? [];
      if (address) resolve(address);
    };
    for (const stream of [stdout, stderr]) stream.on('data', read);
    stdout.on('close', () => reject(new Error(`It ended, and listened nowhere: ${output}`)));
  });
}

function run(command: string, args: string[], cwd: string, env = process.env): string {
  return execFileSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 120_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
