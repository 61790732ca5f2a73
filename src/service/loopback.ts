import type { IncomingMessage } from 'node:http';
import { Problem } from '../wire/index.js';

/** What a proxy in front adds: then whoever asks is elsewhere. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Without tokens the service speaks with this machine alone: not through a proxy, and not with a browser that was sent to
 * it under another name (DNS rebinding), or by another site's page.
 *
 * @throws Problem NOT_LOOPBACK
 */
export function checkLoopback({ socket, headers }: IncomingMessage): void {
  const isForwarded = FORWARDED.some((name) => headers[name] !== undefined);
  const isBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
  if (isLoopback(socket.remoteAddress) && !isForwarded && !isBrowser && LOCAL_HOST.test(headers.host ?? ''))
    return;
  throw new Problem(
    'NOT_LOOPBACK',
    'Without tokens this service speaks with programs of its own machine alone: set the option tokens.',
  );
}

/** @param address as a socket has it, or a host to listen on */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(localhost|::1|(::ffff:)?127(\.\d{1,3}){3})$/i.test(address);
}
