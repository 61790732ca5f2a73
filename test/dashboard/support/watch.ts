import { type IncomingMessage, request } from 'node:http';
import { once } from 'node:events';
import type { Overview } from '../../../src/dashboard/wire.js';
import { LOGIN } from './mounted.js';

export interface Watching {
  readonly status: number;
  /** All that came, as it came. */
  readonly text: string;
  /** The next one of the kind that is as asked for. */
  next(event: 'overview', where?: (overview: Overview) => boolean): Promise<Overview>;
  /** Resolves when the server has ended it. */
  readonly ended: Promise<unknown>;
  close(): Promise<void>;
}

const WITHIN_MS = 20_000;

/** A browser that watches: Server-Sent Events, read as they come. */
export async function watch(url: string): Promise<Watching> {
  const asked = request(`${url}live`, { headers: { cookie: LOGIN }, agent: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  const overviews: Overview[] = [];
  const waiting = new Set<() => void>();
  let text = '';
  let read = 0;
  response.on('data', (chunk: string) => {
    text += chunk;
    const blocks = text.split('\n\n').slice(0, -1);
    for (const block of blocks.slice(read)) {
      const [, data] = /^event: overview\ndata: (.*)$/.exec(block) ?? [];
      if (data) overviews.push(JSON.parse(data) as Overview);
    }
    read = blocks.length;
    for (const each of waiting) each();
  });
  // That it was cut off is what a test does itself.
  response.on('error', () => undefined);
  const ended = new Promise((resolve) => response.once('close', resolve));
  return {
    status: response.statusCode!,
    get text() {
      return text;
    },
    ended,
    next: (_, where = () => true) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`waited for an overview; came: ${text}`)), WITHIN_MS);
        const look = () => {
          for (let one = overviews.shift(); one; one = overviews.shift()) {
            if (!where(one)) continue;
            clearTimeout(timer);
            waiting.delete(look);
            return resolve(one);
          }
        };
        waiting.add(look);
        look();
      }),
    close: async () => {
      asked.destroy();
      await ended;
    },
  };
}
