import type { Overview, Refusal } from '../wire.js';
import { address, read } from './api.js';

export type Connection = 'connecting' | 'live' | 'polling' | 'away';

export interface Listening {
  overview(overview: Overview): void;
  connection(state: Connection, why?: string): void;
}

/** Where no more may watch, or a proxy keeps back what is streamed. */
const POLL_MS = 10_000;

/** Each new overview, as long as the page is looked at. */
export function listen(listening: Listening): void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const stop = () => {
    source?.close();
    source = undefined;
    clearTimeout(timer);
  };

  const poll = async () => {
    try {
      listening.overview(await read('overview', {}));
      listening.connection('polling');
    } catch (error) {
      listening.connection('away', (error as Error).message);
    }
    timer = setTimeout(start, POLL_MS);
  };

  function start(): void {
    stop();
    const opened = (source = new EventSource(address('live')));
    opened.addEventListener('overview', ({ data }: MessageEvent<string>) => {
      listening.overview(JSON.parse(data) as Overview);
      listening.connection('live');
    });
    opened.addEventListener('trouble', ({ data }: MessageEvent<string>) => {
      listening.connection('away', (JSON.parse(data) as Refusal).error.message);
    });
    opened.onerror = () => {
      // The browser tries again by itself, unless it was refused.
      if (opened.readyState === EventSource.CONNECTING) return listening.connection('connecting');
      stop();
      void poll();
    };
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? stop() : start()));
  start();
}
