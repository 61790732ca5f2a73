import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { load } from 'js-yaml';
import { resolveBrokerOptions } from '../../src/idempotent-mq-broker.options.js';
import type { BrokerToken } from '../../src/index.js';
import { Tokens } from '../../src/service/index.js';
import { PaymentSucceeded } from '../../examples/demo/contract/payment-succeeded.js';
import { serveCommand } from '../../src/cli/serve.command.js';

interface Service {
  image?: string;
  build?: { context: string; dockerfile_inline: string };
  command?: string[];
  environment?: Record<string, string>;
  configs?: { source: string; target: string }[];
  depends_on?: Record<string, { condition: string }>;
  deploy?: { replicas: number };
  healthcheck?: unknown;
  restart?: string;
}

interface Compose {
  services: Record<string, Service>;
  configs: Record<string, { content: string }>;
}

const ROOT = resolve(__dirname, '../..');
const KNOWN = [
  'build',
  'command',
  'configs',
  'depends_on',
  'deploy',
  'environment',
  'healthcheck',
  'image',
  'restart',
];

/** No container engine is at hand: what can be known of compose.yaml without one. */
describe('compose.yaml', () => {
  const { services, configs, ...rest } = load(readFileSync(resolve(ROOT, 'compose.yaml'), 'utf8')) as Compose;
  const tokens = JSON.parse(configs.tokens!.content) as BrokerToken[];
  const { broker, mariadb } = services;
  const systems = ['payment-system', 'card-system'] as const;

  it('has services with an image or a build each, and no key that compose does not know', () => {
    expect(Object.keys(services)).toEqual(['mariadb', 'broker', ...systems]);
    // What begins with x- is passed over by compose.
    expect(Object.keys(rest)).toEqual(['x-app']);
    for (const service of Object.values(services)) {
      const unknown = Object.keys(service).filter((key) => !KNOWN.includes(key));
      expect({ unknown, made: [service.image, service.build].filter(Boolean).length }).toEqual({
        unknown: [],
        made: 1,
      });
    }
  });

  it('names services and configs that are there', () => {
    for (const { configs: used = [], depends_on = {} } of Object.values(services)) {
      for (const { source } of used) expect(configs).toHaveProperty(source);
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(services).toHaveProperty(name);
        expect({ condition, hasCheck: services[name]!.healthcheck !== undefined }).toEqual({
          condition: 'service_healthy',
          hasCheck: true,
        });
      }
    }
  });

  it('builds from files that are there, by scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const lines = broker!.build!.dockerfile_inline.split('\n').filter(Boolean);
    const copied = lines.flatMap((line) => /^COPY (.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copied).not.toEqual([]);
    for (const file of copied)
      expect({ file, isThere: existsSync(resolve(ROOT, file)) }).toMatchObject({ isThere: true });
    const run = lines.flatMap((line) => /^RUN npm run (\S+)$/.exec(line)?.[1] ?? []);
    expect(run).toEqual(['build']);
    for (const script of run) expect(scripts).toHaveProperty(script);
  });

  it.each(systems)('starts %s from a file that is there, with the variables that it reads', (name) => {
    const { command, environment } = services[name]!;
    expect(command!.slice(0, 2)).toEqual(['npx', 'tsx']);
    expect(existsSync(resolve(ROOT, command![2]!))).toBe(true);
    const read = readFileSync(resolve(ROOT, 'examples/compose/environment.ts'), 'utf8');
    const variables = [...read.matchAll(/variable\('([A-Z_]+)'\)/g)].map(([, variable]) => variable);
    expect(Object.keys(environment!).sort()).toEqual(variables.sort());
  });

  it('runs the command of the package that serves, with flags that it knows', () => {
    const [node, script, command, ...flags] = broker!.command!;
    expect([node, command]).toEqual(['node', 'serve']);
    const { bin } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
    };
    expect(Object.values(bin)).toContain(script);
    const known = ['database', 'data-source', 'table-prefix', ...Object.keys(serveCommand.flags)];
    for (const flag of flags) expect(known).toContain(flag.slice('--'.length, flag.indexOf('=')));
    const file = flags.find((flag) => flag.startsWith('--tokens='))!.slice('--tokens='.length);
    expect(broker!.configs!.map(({ target }) => target)).toContain(file);
  });

  it('gives each system a token that the broker takes, for its own work and no more', () => {
    const known = new Tokens(tokens);
    const callerOf = (name: string) => known.callerOf(`Bearer ${services[name]!.environment!.BROKER_TOKEN}`);
    const payments = callerOf('payment-system');
    const cards = callerOf('card-system');
    expect(payments.mayPublish(PaymentSucceeded.name)).toBe(true);
    expect(cards.mayConsume('card-issuing', PaymentSucceeded.name)).toBe(true);
    expect([payments.mayConsume('card-issuing', PaymentSucceeded.name), cards.publishes]).toEqual([
      false,
      false,
    ]);
    expect([payments.administers, cards.administers]).toEqual([false, false]);
    const options = {
      dataSource: { type: 'mariadb' as const },
      tokens,
      listen: { host: '0.0.0.0', port: 7788 },
    };
    expect(() => resolveBrokerOptions(options)).not.toThrow();
  });

  it('has one broker in two instances, where the systems look for it, and a database for each', () => {
    expect(broker!.deploy).toEqual({ replicas: 2 });
    const port = broker!.command!.find((flag) => flag.startsWith('--port='))!.slice('--port='.length);
    const created = [...configs.databases!.content.matchAll(/CREATE DATABASE (\w+);/g)].map(
      ([, name]) => name,
    );
    const urls = [
      broker!.command!.find((flag) => flag.startsWith('--database='))!.slice('--database='.length),
      ...systems.map((name) => services[name]!.environment!.DATABASE_URL!),
    ].map((url) => new URL(url));
    expect(urls.map(({ pathname }) => pathname.slice(1)).sort()).toEqual(created.sort());
    for (const url of urls) {
      expect(services).toHaveProperty(url.hostname);
      expect(url.password).toBe(mariadb!.environment!.MARIADB_ROOT_PASSWORD);
    }
    for (const name of systems) {
      expect(new URL(services[name]!.environment!.BROKER_URL!).host).toBe(`broker:${port}`);
    }
  });
});
