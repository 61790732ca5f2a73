import type { DataSource } from 'typeorm';
import { EVENT_TYPES } from '../../src/events/index.js';
import { resolveBrokerOptions } from '../../src/idempotent-mq-broker.options.js';
import { type IdempotentMqOptions, resolveOptions } from '../../src/idempotent-mq.options.js';
import { DEFAULT_PAYLOAD_LIMITS, MAX_BIZ_ID_BYTES, MAX_ORDERING_KEY_BYTES } from '../../src/topic/index.js';
import { read, tableUnder } from './markdown.js';

/** The documented tables of options, of error codes, of events and of limits are those of the code. */
const readme = read('README.md');
const dataSource = { options: {} } as DataSource;
const CONNECTIONS_UNLESS_GIVEN = 'the pool size (or 10), or concurrency if more';

describe('the options of the README', () => {
  const rows = tableUnder(readme, '## Options');
  const withDefaults = JSON.stringify(resolveOptions({}, dataSource));

  it('are all options that there are', () => {
    const documented = rows.map(([name]) => name!);
    expect(documented.sort()).toEqual(knownOptions().sort());
  });

  it.each(rows.map(([name, standard]) => [name!, standard!]))('%s is %s unless given', (name, standard) => {
    if (['none', CONNECTIONS_UNLESS_GIVEN].includes(standard)) return expect(defaultAt(name)).toBe(standard);
    const value = JSON.parse(standard.replaceAll(' ', '').replaceAll("'", '"')) as unknown;
    if (name === 'broker.timeoutMs') return expect(ofService({ timeoutMs: 5_000 })).toEqual(ofService({}));
    expect(JSON.stringify(resolveOptions(optionAt(name, value), dataSource))).toBe(withDefaults);
    const otherwise = typeof value === 'boolean' ? !value : typeof value === 'number' ? value + 1 : undefined;
    if (otherwise === undefined) return;
    expect(JSON.stringify(resolveOptions(optionAt(name, otherwise), dataSource))).not.toBe(withDefaults);
  });

  it('says how often a worker asks a service', () => {
    const [, , pollMs] = rows.find(([name]) => name === 'consumers.pollMs')!;
    expect(pollMs).toContain(`${ofService({}).pollMs} with broker.url`);
    expect(ofService({ timeoutMs: 5_001 })).not.toEqual(ofService({}));
  });

  it('says how many connections there are', () => {
    expect(resolveOptions({}, dataSource).connections).toBe(10);
    const pool = { options: { poolSize: 25 } } as unknown as DataSource;
    expect(resolveOptions({}, pool).connections).toBe(25);
    expect(resolveOptions({ consumers: { concurrency: 40 } }, pool).connections).toBe(40);
    const small = { options: { poolSize: 25, extra: { connectionLimit: '4' } } } as unknown as DataSource;
    expect(resolveOptions({}, small)).toMatchObject({ connections: 10, appPoolSize: 4 });
  });
});

describe('the options of docs/broker-as-a-service.md', () => {
  const rows = tableUnder(read('docs/broker-as-a-service.md'), '### Options of the service');
  const broker = { type: 'better-sqlite3', database: 'broker.sqlite' } as const;
  // Mounted in an app: with a port of its own it has another basePath.
  const resolve = (options: object) =>
    JSON.stringify(resolveBrokerOptions({ dataSource: broker, tokens: 'none', ...options }));
  const withDefaults = resolve({});

  it('are all options that there are', () => {
    const known = knownTo((options) => resolve(options as object)).flatMap((name) =>
      name === 'listen' || name === 'dataSource' ? [] : knownTo((inner) => resolve({ [name]: inner }), name),
    );
    expect(rows.map(([name]) => name!).sort()).toEqual(['listen', ...known].sort());
  });

  it.each(rows.map(([name, standard]) => [name!, standard!]))('%s is %s unless given', (name, standard) => {
    if (name === 'listen') return expect(JSON.parse(withDefaults)).not.toHaveProperty('listen');
    const [first] = standard.split(';');
    const value = JSON.parse(first!.replaceAll("'", '"')) as unknown;
    expect(resolve(optionAt(name, value))).toBe(withDefaults);
    if (name === 'basePath') {
      expect(resolveBrokerOptions({ dataSource: broker, listen: { port: 0 } }).basePath).toBe('');
    }
    const otherwise = typeof value === 'boolean' ? !value : typeof value === 'number' ? value + 1 : undefined;
    if (otherwise !== undefined) expect(resolve(optionAt(name, otherwise))).not.toBe(withDefaults);
  });
});

describe('docs/operations.md', () => {
  const operations = read('docs/operations.md');

  it('says of every error code what it means and what to do', () => {
    const rows = tableUnder(operations, '## Error codes');
    const documented = rows.map(([code]) => code!);
    expect(rows.filter(([, meaning, remedy]) => !meaning || !remedy)).toEqual([]);
    const union = read('src/errors/idempotent-mq.error.ts').matchAll(/^ {2}\| '([A-Z_]+)'/gm);
    const codes = [...union].map(([, code]) => code!);
    expect(codes.length).toBeGreaterThan(20);
    expect(documented.sort()).toEqual(codes.sort());
  });
});

describe('docs/events.md', () => {
  it('says of every event when it comes', () => {
    const events = read('docs/events.md');
    const rows = ['## All events', '### With a broker apart'].flatMap((at) => tableUnder(events, at));
    expect(rows.filter(([, when]) => !when)).toEqual([]);
    expect(rows.map(([type]) => type!).sort()).toEqual([...EVENT_TYPES].sort());
  });
});

describe('docs/guarantees.md', () => {
  it('says of every reason for a dead letter what happened and what to do', () => {
    const rows = tableUnder(read('docs/guarantees.md'), '## The other reasons for a dead letter');
    expect(rows.filter(([, happened, remedy]) => !happened || !remedy)).toEqual([]);
    // 'torn' has a section of its own.
    const documented = new Set(['torn', ...rows.map(([reason]) => reason!.split(',')[0]!)]);
    const source = read('src/events/event.ts').split('export type DeadLetterReason')[1]!;
    const reasons = [...source.split(';')[0]!.matchAll(/\| '([a-z-]+)'/g)].map(([, reason]) => reason!);
    expect(reasons.length).toBeGreaterThan(5);
    expect([...documented].sort()).toEqual(reasons.sort());
  });
});

describe('the limits of docs/guarantees.md', () => {
  it.each([
    ['biz-id', MAX_BIZ_ID_BYTES],
    ['ordering key', MAX_ORDERING_KEY_BYTES],
    ['body', DEFAULT_PAYLOAD_LIMITS.maxBytes],
    ['nesting', DEFAULT_PAYLOAD_LIMITS.maxDepth],
  ])('%s: %i', (what, limit) => {
    const row = tableUnder(read('docs/guarantees.md'), '## Limits').find(([name]) => name === what);
    expect(row?.[1]?.replaceAll(',', '')).toContain(String(limit));
  });

  it('words the claim as it was decided', () => {
    expect(read('docs/guarantees.md')).toContain(
      "Exactly-once effects inside the consumer's database transaction, and for messages published from within it; at-least-once for everything else (mail, HTTP). Nothing accepted is lost, on a database that is configured not to lose acknowledged commits.",
    );
  });
});

/** With a broker that is a service. */
function ofService(broker: object) {
  return resolveOptions({ broker: { url: 'http://127.0.0.1:7788', ...broker } }, dataSource);
}

/** The options that are named where an unknown one is refused; the option itself, where it has none. */
function knownTo(resolve: (options: unknown) => unknown, name?: string): string[] {
  try {
    resolve({ unknown: 1 });
  } catch (error) {
    const [, known] = /Known are ([\w, ]+)/.exec((error as Error).message) ?? [];
    if (known)
      return known
        .trim()
        .split(', ')
        .map((key) => (name ? `${name}.${key}` : key));
  }
  return name ? [name] : [];
}

/** What each of these says when nothing is given, in the README's words. */
function defaultAt(name: string): string {
  const value = (resolveOptions({}, dataSource) as Record<string, unknown>)[name.split('.').at(-1)!];
  return value === undefined ? 'none' : CONNECTIONS_UNLESS_GIVEN;
}

/** The names of all options: those that an unknown one is told of. */
function knownOptions(): string[] {
  const knownAt = (path: string): string[] => {
    try {
      resolveOptions(optionAt(path ? `${path}.unknown` : 'unknown', 1), dataSource);
    } catch (error) {
      const [, known] = /Known are ([\w, ]+)/.exec((error as Error).message) ?? [];
      return known?.trim().split(', ') ?? [];
    }
    return [];
  };
  const leaves = (path: string): string[] => {
    const known = knownAt(path);
    if (known.length === 0) return [path];
    return known.flatMap((key) => leaves(path ? `${path}.${key}` : key));
  };
  return leaves('');
}

function optionAt(path: string, value: unknown): IdempotentMqOptions {
  return path
    .split('.')
    .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as IdempotentMqOptions;
}
