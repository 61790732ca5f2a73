import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a browser says that this page of ours asked, and no other site's. `Sec-Fetch-Site` is the browser's own judgement,
 * which no page can change and no proxy confuses; over plain HTTP it is not sent, and `Origin` is compared with `Host`.
 *
 * @param origins under which the page is reached too, where a proxy changes `Host`
 */
export function isFromOwnPage(headers: IncomingHttpHeaders, origins: readonly string[]): boolean | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  if (origin === undefined) return undefined;
  return origins.includes(origin) || hostOf(origin) === host;
}

/** Undefined for `null`, which sandboxed frames send. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
