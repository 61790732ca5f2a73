import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type AnyRequest, isSecure } from './exchange.js';

export const TOKEN_HEADER = 'x-idempotent-mq-token';

const NONCE = /^[A-Za-z0-9_-]{43}$/;

/**
 * A token that only a page of this origin can have read, bound by an HMAC to a cookie that no script and no other site gets
 * to use. Who plants a cookie of his own (from a sibling domain) has no token for it.
 */
export class CsrfTokens {
  private readonly key: Buffer;

  /** @param secret the same for all processes behind one address; undefined: of this process alone */
  constructor(secret: string | undefined) {
    this.key = secret === undefined ? randomBytes(32) : createHash('sha256').update(secret).digest();
  }

  /** The token of this browser's cookie, which it is given if it has none. */
  issue(request: AnyRequest, response: ServerResponse): string {
    const known = nonceOf(request);
    if (known) return this.tokenOf(known);
    const nonce = randomBytes(32).toString('base64url');
    const secure = isSecure(request) ? '; Secure' : '';
    // Beside what a middleware of the app may have set.
    response.appendHeader(
      'set-cookie',
      `${cookieName(request)}=${nonce}; Path=/; HttpOnly; SameSite=Strict${secure}`,
    );
    return this.tokenOf(nonce);
  }

  holds(request: AnyRequest): boolean {
    const nonce = nonceOf(request);
    const token = request.headers[TOKEN_HEADER];
    if (!nonce || typeof token !== 'string') return false;
    return timingSafeEqual(digestOf(token), digestOf(this.tokenOf(nonce)));
  }

  private tokenOf(nonce: string): string {
    return createHmac('sha256', this.key).update(`dashboard:${nonce}`).digest('base64url');
  }
}

/** With `__Host-`, no other host and nothing that comes over plain HTTP can set it. */
function cookieName(request: AnyRequest): string {
  return isSecure(request) ? '__Host-idempotent-mq' : 'idempotent-mq';
}

function nonceOf(request: AnyRequest): string | undefined {
  const name = cookieName(request);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    if (NONCE.test(value)) return value;
  }
  return undefined;
}

/** Of one length, which timingSafeEqual asks for. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
