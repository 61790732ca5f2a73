import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** What Express's and Fastify's requests have in common. */
export interface AnyRequest {
  headers: IncomingHttpHeaders;
  /** With the prefix that a router has cut off `url`. */
  originalUrl: string;
  /** As the app's setting `trust proxy` has it. */
  protocol?: string;
  /** Undefined where the app reads no bodies. */
  body?: unknown;
  /** Fastify's. */
  raw?: IncomingMessage;
}

/** Node's own response, or Fastify's reply around it. */
export type AnyResponse = ServerResponse | { raw: ServerResponse; hijack(): void };

/** Node's own response: what goes through it is not touched by the app's interceptors, and the same on every platform. */
export function responseOf(response: AnyResponse): ServerResponse {
  if (!('hijack' in response)) return response;
  response.hijack();
  return response.raw;
}

export function isSecure({ protocol }: AnyRequest): boolean {
  return protocol === 'https';
}

export function pathOf({ originalUrl }: AnyRequest): string {
  return originalUrl.split('?', 1)[0]!;
}

/** A parameter that is given twice counts once: the last one. An empty one is none. */
export function queryOf({ originalUrl }: AnyRequest): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  const at = originalUrl.indexOf('?');
  if (at < 0) return query;
  for (const [name, value] of new URLSearchParams(originalUrl.slice(at + 1))) if (value) query[name] = value;
  return query;
}
