import type { Connection } from '../execute.js';
import type { Database } from '../tables.js';
import type {
  LibraryConnections,
  OpenTransaction,
  ScopeRequest,
  ScopeRunner,
} from './library-connections.js';

/** After a failure nobody tries again for so long, in milliseconds: each loop of the process asks. */
const BREATH_MS = 500;

/**
 * Connections to a database that may be away when the process starts: whoever needs them opens them, and fails as a
 * connection that is lost fails, until the database is there.
 */
export class LateConnections implements LibraryConnections {
  private opened: LibraryConnections | undefined;
  private opening: Promise<LibraryConnections> | undefined;
  private lastFailure: { at: number; error: Error } | undefined;
  private silenceSeconds = 0;
  private readonly whenOpened = new Set<(connections: LibraryConnections) => void>();
  private closed = false;

  constructor(
    readonly database: Database,
    private readonly open: () => Promise<LibraryConnections>,
  ) {}

  /** @throws what keeps them from being opened */
  ready(): Promise<LibraryConnections> {
    if (this.opened) return Promise.resolve(this.opened);
    const { lastFailure } = this;
    if (lastFailure && performance.now() - lastFailure.at < BREATH_MS)
      return Promise.reject(lastFailure.error);
    return (this.opening ??= this.openNow().finally(() => {
      this.opening = undefined;
    }));
  }

  async control<T>(work: (on: Connection) => Promise<T>): Promise<T> {
    return (await this.ready()).control(work);
  }

  async controlTransaction<T>(
    work: (on: Connection) => Promise<T>,
    options?: { attempts: number },
  ): Promise<T> {
    return (await this.ready()).controlTransaction(work, options);
  }

  async scopeRunner(request: ScopeRequest): Promise<ScopeRunner> {
    return (await this.ready()).scopeRunner(request);
  }

  allowSilence(seconds: number): void {
    this.silenceSeconds = Math.max(this.silenceSeconds, seconds);
    this.opened?.allowSilence(seconds);
  }

  /** From when they are open on. */
  listen(channel: string, hear: (text: string) => void): () => void {
    let isStopped = false;
    let stop: (() => void) | undefined;
    const listen = (connections: LibraryConnections) => {
      if (!isStopped) stop = connections.listen?.(channel, hear);
    };
    if (this.opened) listen(this.opened);
    else this.whenOpened.add(listen);
    return () => {
      isStopped = true;
      stop?.();
    };
  }

  oldestTransaction(): OpenTransaction | undefined {
    return this.opened?.oldestTransaction();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.opening?.catch(() => undefined);
    await this.opened?.close();
  }

  private async openNow(): Promise<LibraryConnections> {
    if (this.closed) throw new Error('The connections are closed.');
    try {
      const opened = await this.open();
      if (this.silenceSeconds > 0) opened.allowSilence(this.silenceSeconds);
      this.opened = opened;
      for (const listen of this.whenOpened) listen(opened);
      this.whenOpened.clear();
      return opened;
    } catch (error) {
      this.lastFailure = { at: performance.now(), error: error as Error };
      throw error;
    }
  }
}
