import { Readable } from 'node:stream';
import type { AnyRequest } from './exchange.js';
import { DashboardProblem } from './problem.js';

/** A thousand ids are 30 kB. */
const MAX_BYTES = 64 * 1024;

/** The JSON object of an action. The app's own body parser may have read it, or there may be none. */
export async function readRequest(request: AnyRequest): Promise<Record<string, unknown>> {
  // A form of another site can't send this type without asking first (CORS), which is refused.
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new DashboardProblem(415, 'BAD_REQUEST', 'An action is asked for as application/json.');
  }
  const body = isParsed(request.body) ? request.body : parse(await readText(request));
  if (!isParsed(body)) throw new DashboardProblem(400, 'BAD_REQUEST', 'An action is a JSON object.');
  return body;
}

function isParsed(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

async function readText(request: AnyRequest): Promise<string> {
  const stream: unknown = request.raw ?? request;
  if (!(stream instanceof Readable) || stream.readableEnded) return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  // To destroy the stream would be to hang up: the refusal has to get there.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) {
      throw new DashboardProblem(413, 'BAD_REQUEST', `An action has ${MAX_BYTES} bytes at most.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new DashboardProblem(400, 'BAD_REQUEST', 'An action is a JSON object.');
  }
}
