import { request } from 'node:http';
import type { CanActivate, ExecutionContext, INestApplication, NestApplicationOptions } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import {
  type IdempotentMqDashboardExtras,
  IdempotentMqDashboardModule,
  type IdempotentMqDashboardOptions,
} from '../../../src/dashboard/index.js';
import { type AppParts, type TestApp, startApp } from '../../support/app.js';
import type { TestDatabase } from '../../support/engines.js';

/** Lets in who has the cookie of a login. */
export class OperatorsOnly implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: { cookie?: string } }>();
    return (headers.cookie ?? '').split('; ').includes(LOGIN);
  }
}

export const LOGIN = 'login=operator';

export interface MountedDashboard extends TestApp {
  /** With a slash at its end. */
  readonly url: string;
}

export interface DashboardParts extends AppParts {
  dashboard?: IdempotentMqDashboardOptions & Partial<IdempotentMqDashboardExtras>;
  adapter?: () => AbstractHttpAdapter;
  nest?: NestApplicationOptions;
  prepare?: (nest: INestApplication) => void;
}

/** An app with a dashboard, listening. It neither consumes nor sweeps, unless a test has it do so. */
export async function mountDashboard(
  database: TestDatabase,
  { dashboard = {}, adapter, nest: settings, prepare, ...parts }: DashboardParts = {},
): Promise<MountedDashboard> {
  const app = await startApp(database, {
    ...parts,
    options: { roles: { sweep: false }, ...parts.options },
    imports: [
      ...(parts.imports ?? []),
      IdempotentMqDashboardModule.forRoot({ guards: [OperatorsOnly], path: 'mq', ...dashboard }),
    ],
    web: (testing) => {
      const nest = adapter
        ? testing.createNestApplication(adapter(), settings)
        : testing.createNestApplication(settings);
      prepare?.(nest);
      return nest;
    },
  });
  const nest = app.nest as INestApplication;
  await nest.listen(0, '127.0.0.1');
  const { port } = new URL(await nest.getUrl());
  return Object.assign(app, { url: `http://127.0.0.1:${port}/${dashboard.path ?? 'mq'}/` });
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json: any;
}

/** A request with just these headers: fetch() adds some of its own, and keeps others back. */
export function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { connection: 'close', ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          get json() {
            return JSON.parse(text);
          },
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** What a browser that has the page open sends with each request. */
export interface Browser {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** With `undefined` a header is left out. */
  post(path: string, body: object, headers?: Record<string, string | undefined>): Promise<Answer>;
  readonly cookie: string;
  readonly token: string;
}

export async function openBrowser({ url }: { url: string }): Promise<Browser> {
  const { host, origin } = new URL(url);
  const session = await ask(`${url}api/session`, { headers: { cookie: LOGIN } });
  const [cookie] = (session.headers['set-cookie'] as string[]).map((one) => one.split(';', 1)[0]!);
  const own = {
    host,
    cookie: `${LOGIN}; ${cookie}`,
    origin,
    'sec-fetch-site': 'same-origin',
    'x-idempotent-mq-token': session.json.token as string,
    'content-type': 'application/json',
  };
  return {
    cookie: cookie!,
    token: session.json.token,
    get: (path, headers) => ask(`${url}${path}`, { headers: { cookie: own.cookie, ...headers } }),
    post: (path, body, headers) =>
      ask(`${url}${path}`, {
        method: 'POST',
        headers: Object.fromEntries(
          Object.entries({ ...own, ...headers }).filter(
            (one): one is [string, string] => one[1] !== undefined,
          ),
        ),
        body: JSON.stringify(body),
      }),
  };
}
