import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../execute.js';
import { listenTo } from '../statements/notices.js';
import type { PostgresClient } from './postgres-client.js';

/** How soon a connection that was lost is opened again, in milliseconds: meanwhile everybody polls. */
const AGAIN_MS = 1_000;

export interface ListeningConnection {
  client: PostgresClient;
  on: Connection;
  /** Closes it, for nobody else is to hear what this one listens to. */
  destroy(): void;
}

/** Hears what is told on a channel, on a connection of its own, and opens another one when it is lost. */
export class Listener {
  private readonly stopping = new AbortController();
  private current: ListeningConnection | undefined;

  constructor(
    private readonly open: () => Promise<ListeningConnection>,
    private readonly channel: string,
    private readonly hear: (text: string) => void,
  ) {
    void this.keepListening();
  }

  stop(): void {
    this.stopping.abort();
    this.current?.destroy();
  }

  private async keepListening(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.listen().catch(() => undefined);
      await pause(AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Until the connection is lost. */
  private async listen(): Promise<void> {
    const connection = (this.current = await this.open());
    const { client, on } = connection;
    try {
      if (this.stopping.signal.aborted) return;
      const lost = new Promise<void>((resolve) => client.once('end', resolve).once('error', () => resolve()));
      client.on('notification', ({ payload = '' }: { payload?: string }) => this.hear(payload));
      await listenTo(on, this.channel);
      await lost;
    } finally {
      connection.destroy();
    }
  }
}
