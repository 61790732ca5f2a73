import type { IncomingMessage } from 'node:http';
import { Problem } from '../wire/index.js';

export interface BodyLimits {
  /** Bytes. */
  maxBytes: number;
  /** Milliseconds from the headers to the last byte. */
  timeoutMs: number;
}

/**
 * A request's body, no more of it than the service takes, and no later.
 *
 * @throws Problem MEDIA_TYPE, BODY_TOO_LARGE, BODY_TOO_SLOW
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  checkMediaType(request);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.maxBytes) throw tooLarge(announced, limits);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Problem('BODY_TOO_SLOW', `The body did not come within ${limits.timeoutMs} ms.`)),
      limits.timeoutMs,
    );
  });
  const reading = collect(request, limits);
  // The loser of the race still settles.
  reading.catch(() => undefined);
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function collect(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not for await: leaving its loop early would destroy the socket, and with it the answer that says why.
  return new Promise<Buffer>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.maxBytes) chunks.push(chunk);
      else {
        chunks.length = 0;
        reject(tooLarge(bytes, limits));
      }
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Problem('BODY_MALFORMED', 'The connection broke within the body.')));
  });
}

function checkMediaType({ headers }: IncomingMessage): void {
  const [type, ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((one) => one.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-8"?$/.test(charset);
  if (type?.trim() !== 'application/json' || !isUtf8) {
    throw new Problem('MEDIA_TYPE', 'The content-type must be application/json, in UTF-8.');
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Problem('MEDIA_TYPE', 'The body must not be compressed.');
  }
}

function tooLarge(bytes: number, { maxBytes }: BodyLimits): Problem {
  return new Problem(
    'BODY_TOO_LARGE',
    `The body has ${bytes} bytes or more, and this service takes ${maxBytes} (option limits.bodyBytes).`,
  );
}
