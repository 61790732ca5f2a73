import type { Actions, Reads, Refusal, Session } from '../wire.js';

/** app.js is in assets/ of the dashboard. */
const BASE = new URL('../', import.meta.url);

export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export function address(path: string): URL {
  return new URL(path, BASE);
}

export async function read<Name extends keyof Reads>(
  name: Name,
  query: Reads[Name]['query'],
): Promise<Reads[Name]['answer']> {
  const url = address(`api/${name}`);
  for (const [key, value] of Object.entries(query) as [string, string | undefined][]) {
    if (value) url.searchParams.set(key, value);
  }
  return (await ask(url, {})) as Reads[Name]['answer'];
}

let session: Promise<Session> | undefined;

export function openSession(): Promise<Session> {
  return (session ??= read('session', {}).catch((error: unknown) => {
    session = undefined;
    throw error;
  }));
}

/** The cookie may be a new one, of another tab or of a process that started anew: then the token is asked for again, once. */
export async function act<Name extends keyof Actions>(
  name: Name,
  request: Actions[Name]['request'],
): Promise<Actions[Name]['answer']> {
  try {
    return await actOnce(name, request);
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'TOKEN_INVALID') throw error;
    session = undefined;
    return actOnce(name, request);
  }
}

async function actOnce<Name extends keyof Actions>(
  name: Name,
  request: Actions[Name]['request'],
): Promise<Actions[Name]['answer']> {
  const { token } = await openSession();
  return (await ask(address(`api/${name}`), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-idempotent-mq-token': token },
    body: JSON.stringify(request),
  })) as Actions[Name]['answer'];
}

async function ask(url: URL, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: 'same-origin', redirect: 'error' });
  } catch {
    throw new Refused('AWAY', 'The server does not answer.');
  }
  const body = (await response.json().catch(() => ({}))) as Partial<Refusal>;
  if (response.ok) return body;
  // A guard of the app answers in its own way.
  const fallback =
    response.status === 401 || response.status === 403 ? 'You may not do this (any more).' : '';
  const { code = 'REFUSED', message = fallback || `The server answered ${response.status}.` } =
    body.error ?? {};
  throw new Refused(code, message);
}
