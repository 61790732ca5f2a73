import type { ServerResponse } from 'node:http';

/**
 * On everything that is answered. `no-transform` keeps a compressing middleware from collecting what is meant to arrive at
 * once; the policies of the app, which Helmet may have set, give way to stricter ones.
 */
const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store, no-transform',
  'content-security-policy': policy("'none'", "'none'"),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Headers of other pages of the app that would open this one to others. */
const NOT_HERE = ['access-control-allow-origin', 'access-control-allow-credentials', 'etag'];

export function setHeaders(response: ServerResponse, status: number, type: string): void {
  response.statusCode = status;
  for (const name of NOT_HERE) response.removeHeader(name);
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.setHeader('content-type', type);
}

export function answer(response: ServerResponse, status: number, type: string, body: string): void {
  setHeaders(response, status, type);
  response.end(body);
}

export function answerJson(response: ServerResponse, status: number, body: object): void {
  answer(response, status, 'application/json; charset=utf-8', JSON.stringify(body));
}

/** Only what bears the nonce of this very answer runs; and no script of it writes HTML (Trusted Types). */
export function answerPage(response: ServerResponse, html: string, nonce: string): void {
  setHeaders(response, 200, 'text/html; charset=utf-8');
  response.setHeader('content-security-policy', policy(`'nonce-${nonce}'`, "'self'"));
  response.end(html);
}

function policy(code: string, connect: string): string {
  return [
    "default-src 'none'",
    `script-src ${code}`,
    `style-src ${code}`,
    `connect-src ${connect}`,
    // The icon, which is none: else browsers look for one at the app.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
