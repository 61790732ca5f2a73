import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { ConfigurationError, InvalidOptionError } from '../errors/index.js';
import { MAX_TIMER_MS, bool, whole } from '../options/values.js';
import type { Redact } from './redact.js';

export interface IdempotentMqDashboardOptions {
  /**
   * What of bodies and of error texts leaves the server: `true` hides both. A function is given each and returns what is
   * shown, `undefined` for nothing. Names, biz-ids, counts and times are shown in any case. @default all is shown
   */
  redact?: true | Redact;
  /** Shows, and does nothing. @default false */
  readOnly?: boolean;
  /** In the page's head: which system this is, such as `shop, production`. @default 'Messages' */
  title?: string;
  /**
   * What the proof is made with that an action comes from this page: at least 32 characters, the same in each process behind
   * one address. @default random, which is enough for one process
   */
  secret?: string;
  /**
   * Where the page is reached, such as `https://ops.example.com`: needed only where a proxy changes the header `Host` and
   * the page comes over plain HTTP. @default none
   */
  origins?: readonly string[];
  /** How many browsers may watch at the same time; others look every 10 s. @default 20 */
  watchers?: number;
  /** Milliseconds between two looks at the broker while somebody watches: one for all of them. @default 2000 */
  intervalMs?: number;
}

/** What decides which routes there are, so it can't come from a factory. */
export interface IdempotentMqDashboardExtras {
  /**
   * Who may see the page and act on it: Nest guards, as classes or objects, at least one. All of them have to agree, for
   * each request. A global guard counts for nothing here: it has to be named.
   */
  guards: readonly (Type<CanActivate> | CanActivate)[];
  /** Where the page is, below the app's global prefix. @default 'idempotent-mq/dashboard' */
  path?: string;
  /** Modules whose providers the guards need; and the module of the broker, where it isn't global. @default none */
  imports?: ModuleMetadata['imports'];
  /** The instance to show: `IdempotentMqModule.forRoot({ name })`. @default the one without a name */
  name?: string;
}

export interface ResolvedDashboardOptions {
  redact: true | Redact | undefined;
  readOnly: boolean;
  title: string;
  secret: string | undefined;
  origins: readonly string[];
  watchers: number;
  intervalMs: number;
}

const KNOWN = ['redact', 'readOnly', 'title', 'secret', 'origins', 'watchers', 'intervalMs'];
const KNOWN_EXTRAS = ['guards', 'path', 'imports', 'name'];
const PATH = /^\/?[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
const LEAST_SECRET = 32;
const MAX_TITLE = 60;

/** @throws InvalidOptionError naming the option and what came */
export function resolveDashboardOptions(given: IdempotentMqDashboardOptions = {}): ResolvedDashboardOptions {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionError('forRoot(options)', given, 'an object');
  }
  for (const key of Object.keys(given).filter((one) => KNOWN_EXTRAS.includes(one))) {
    const expected = `left out of what the factory returns: it belongs beside useFactory, forRootAsync({ ${key}, useFactory })`;
    throw new InvalidOptionError(key, given[key as never], expected);
  }
  const stray = Object.keys(given).find((key) => !KNOWN.includes(key));
  if (stray !== undefined) {
    const expected = `left out: it is not an option. Known are ${[...KNOWN, ...KNOWN_EXTRAS].join(', ')}`;
    throw new InvalidOptionError(stray, given[stray as never], expected);
  }
  const { redact, secret, title = 'Messages', origins = [] } = given;
  if (redact !== undefined && redact !== true && typeof redact !== 'function') {
    throw new InvalidOptionError('redact', redact, 'true, or a function (value, subject) => what is shown');
  }
  if (typeof title !== 'string' || title.length === 0 || title.length > MAX_TITLE) {
    throw new InvalidOptionError('title', title, `a text of 1 to ${MAX_TITLE} characters`);
  }
  if (secret !== undefined && (typeof secret !== 'string' || secret.length < LEAST_SECRET)) {
    throw new InvalidOptionError(
      'secret',
      '***',
      `at least ${LEAST_SECRET} characters (openssl rand -hex 32)`,
    );
  }
  if (!Array.isArray(origins) || !origins.every(isOrigin)) {
    throw new InvalidOptionError(
      'origins',
      origins,
      "an array of origins, such as ['https://ops.example.com']",
    );
  }
  return {
    redact,
    readOnly: bool('readOnly', given.readOnly, false),
    title,
    secret,
    origins: origins as readonly string[],
    watchers: whole('watchers', given.watchers, 20, 1_000),
    intervalMs: whole('intervalMs', given.intervalMs, 2_000, MAX_TIMER_MS, 100),
  };
}

/** @throws ConfigurationError without a guard; InvalidOptionError naming the option and what came */
export function checkExtras({ guards, path }: Partial<IdempotentMqDashboardExtras>): void {
  if (guards === undefined || (Array.isArray(guards) && guards.length === 0)) {
    throw new ConfigurationError(
      'IdempotentMqDashboardModule has no guard, and is not mounted: whoever reaches this app could read messages, try them again ' +
        'and delete them. Name who may: forRoot({ guards: [YourAdminGuard] }). A global guard (APP_GUARD, useGlobalGuards) is not ' +
        'enough, as it may let requests pass that it does not know; name the same one here. docs/dashboard.md has an example.',
    );
  }
  if (!Array.isArray(guards)) throw new InvalidOptionError('guards', guards, 'an array of Nest guards');
  guards.forEach((guard: unknown, i) => {
    if (!isGuard(guard)) {
      throw new InvalidOptionError(
        `guards[${i}]`,
        guard,
        'a class with canActivate(), or an object that has it',
      );
    }
  });
  if (path !== undefined && (typeof path !== 'string' || !PATH.test(path))) {
    throw new InvalidOptionError('path', path, "a path such as 'ops/messages', without a slash at its end");
  }
}

function isGuard(guard: unknown): boolean {
  const has = (one: unknown) =>
    typeof (one as Partial<CanActivate> | null | undefined)?.canActivate === 'function';
  return typeof guard === 'function' ? has(guard.prototype) : has(guard);
}

function isOrigin(origin: unknown): boolean {
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin;
}
