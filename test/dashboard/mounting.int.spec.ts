import {
  type CanActivate,
  type CallHandler,
  type DynamicModule,
  Injectable,
  type INestApplication,
  Module,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { map } from 'rxjs';
import { IdempotentMqDashboardModule } from '../../src/dashboard/index.js';
import { IdempotentMqBrokerModule } from '../../src/index.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import {
  type DashboardParts,
  LOGIN,
  type MountedDashboard,
  OperatorsOnly,
  ask,
  mountDashboard,
  openBrowser,
} from './support/mounted.js';

// Property: the dashboard is where it was asked for and nowhere without a guard, and an app's own ways with its requests
// change nothing of it.

const ROUTES = [
  '',
  'assets/app.js',
  'assets/style.css',
  'live',
  'api/session',
  'api/overview',
  'api/dead-letters',
];

describe('mounting a dashboard', () => {
  let database: TestDatabase;
  let app: { close(): Promise<unknown> } | undefined;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await database.drop();
  });

  const mount = async (parts: DashboardParts = {}) => {
    const mounted = await mountDashboard(database, parts);
    app = mounted;
    return mounted;
  };
  const statusOf = async ({ url }: MountedDashboard, path: string, cookie = LOGIN) =>
    (await ask(`${url}${path}`, { headers: { cookie } })).status;

  describe('without a guard', () => {
    it.each([
      ['none named', {}],
      ['an empty list of them', { guards: [] }],
      ['nothing given', undefined],
    ])('does not start: %s', (_, options) => {
      const forRoot = () => IdempotentMqDashboardModule.forRoot(options as never);
      expect(forRoot).toThrow(/has no guard, and is not mounted.*guards: \[YourAdminGuard\]/);
      const forRootAsync = () =>
        IdempotentMqDashboardModule.forRootAsync({ useFactory: () => ({}), ...options } as never);
      expect(forRootAsync).toThrow(/has no guard/);
    });

    it.each([[{}], ['AdminGuard'], [class Nothing {}], [null]])('does not take %p for one', (guard) => {
      const forRoot = () => IdempotentMqDashboardModule.forRoot({ guards: [OperatorsOnly, guard as never] });
      expect(forRoot).toThrow(/guards\[1\] must be a class with canActivate\(\), or an object that has it/);
    });

    it('does not start as a plain class', async () => {
      await expect(startAlone(IdempotentMqDashboardModule)).rejects.toThrow('is in imports as a plain class');
    });
  });

  it.each([
    [{ path: '/ops/' }, 'path must be'],
    [{ path: '' }, 'path must be'],
    [{ title: '' }, 'title must be'],
    [{ redact: 'yes' }, 'redact must be'],
    [{ readOnly: 'no' }, 'readOnly must be'],
    [{ secret: 'short' }, 'secret must be at least 32 characters'],
    [{ origins: ['ops.example.com'] }, 'origins must be'],
    [{ watchers: 0 }, 'watchers must be'],
    [{ intervalMs: 5 }, 'intervalMs must be'],
    [{ guard: OperatorsOnly }, 'guard must be left out: it is not an option'],
  ])('refuses %p', async (options, message) => {
    const start = async () =>
      startAlone(IdempotentMqDashboardModule.forRoot({ guards: [OperatorsOnly], ...options } as never));
    await expect(start()).rejects.toThrow(message);
  });

  it('does not start where there is nothing to show', async () => {
    const starting = startAlone(IdempotentMqDashboardModule.forRoot({ guards: [OperatorsOnly] }));
    await expect(starting).rejects.toThrow('finds no IdempotentMqModule');
  });

  it('asks the guard for each of its routes, before anything else', async () => {
    const mounted = await mount();
    for (const path of ROUTES)
      expect([path, await statusOf(mounted, path, 'login=guest')]).toEqual([path, 403]);
    const { status } = await ask(`${mounted.url}api/pause-group`, { method: 'POST', body: '{}' });
    expect(status).toBe(403);
    for (const path of ['', 'api/session', 'api/overview']) expect(await statusOf(mounted, path)).toBe(200);
  });

  it('wants all guards to agree, and makes them with what they need', async () => {
    @Injectable()
    class Shift {
      isOn = false;
    }
    @Module({ providers: [Shift], exports: [Shift] })
    class ShiftModule {}
    @Injectable()
    class OnShift implements CanActivate {
      constructor(private readonly shift: Shift) {}
      canActivate(): boolean {
        return this.shift.isOn;
      }
    }
    const mounted = await mount({
      dashboard: { guards: [new OperatorsOnly(), OnShift], imports: [ShiftModule] },
    });
    expect(await statusOf(mounted, '')).toBe(403);
    mounted.nest.get(Shift, { strict: false }).isOn = true;
    expect(await statusOf(mounted, '')).toBe(200);
    expect(await statusOf(mounted, '', 'login=guest')).toBe(403);
  });

  it('is below a global prefix, and untouched by global pipes, interceptors and filters', async () => {
    const never: PipeTransform & NestInterceptor = {
      transform: (value: unknown, { type }) => {
        if (type !== 'param') throw new Error(`a pipe was asked about ${type}: ${String(value)}`);
        return value;
      },
      intercept: (_: unknown, next: CallHandler) => next.handle().pipe(map(() => ({ wrapped: true }))),
    };
    const mounted = await mount({
      prepare: (nest) => {
        nest.setGlobalPrefix('api/v7');
        nest.useGlobalPipes(never);
        nest.useGlobalInterceptors(never);
        nest.enableVersioning();
        nest.enableCors({ origin: true, credentials: true });
      },
    });
    const url = mounted.url.replace('/mq/', '/api/v7/mq/');
    const browser = await openBrowser({ url });
    expect((await browser.get('api/overview')).json).toMatchObject({ status: { groups: [] } });
    expect((await browser.post('api/release-quarantined', { id: '7' })).json).toEqual({ done: false });
    const { headers } = await browser.get('api/session', { origin: 'http://evil.example' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each([
    ['/mq/', './assets/app.js'],
    ['/mq', './mq/assets/app.js'],
    ['/mq?from=chat', './mq/assets/app.js'],
  ])('finds its own files from %s', async (path, script) => {
    const mounted = await mount();
    const { text } = await ask(new URL(path, mounted.url).href, { headers: { cookie: LOGIN } });
    expect(text).toContain(`src="${script}"`);
    const { status, headers } = await ask(new URL(script, new URL(path, mounted.url)).href, {
      headers: { cookie: LOGIN },
    });
    expect([status, headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
  });

  it('works where the app has no body parser', async () => {
    const mounted = await mount({ nest: { bodyParser: false } });
    const browser = await openBrowser(mounted);
    expect((await browser.post('api/discard-quarantined', { id: '7' })).json).toEqual({ done: false });
    const long = { id: 'x'.repeat(70_000) };
    expect((await browser.post('api/discard-quarantined', long)).status).toBe(413);
  });

  it('is served beside a broker that is a service of the app', async () => {
    const broker = IdempotentMqBrokerModule.forRoot({
      dataSource: database.options,
      schema: 'ensure',
      tokens: 'none',
    });
    @Module({
      imports: [
        broker,
        IdempotentMqDashboardModule.forRoot({ path: 'mq', guards: [OperatorsOnly], imports: [broker] }),
      ],
    })
    class BrokerApp {}
    const nest: INestApplication = await NestFactory.create(BrokerApp, { logger: false });
    app = nest;
    await nest.listen(0, '127.0.0.1');
    const url = `${await nest.getUrl()}/mq/`;
    const browser = await openBrowser({ url });
    const { json } = await browser.get('api/overview');
    expect(json.status).toMatchObject({ topics: [], groups: [], broker: { reachable: true } });
  });
});

/** An app of nothing else. */
async function startAlone(dashboard: Type | DynamicModule): Promise<void> {
  const testing = await Test.createTestingModule({ imports: [dashboard] }).compile();
  await testing.close();
}
