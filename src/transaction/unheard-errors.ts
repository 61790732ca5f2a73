import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Node ends the process for a rejection that nobody waits for, and every other delivery with it. A handler gets the error
 * of a statement through promises of TypeORM's, so whether it waits for them can't be seen from here: Node is asked.
 */
export class UnheardErrors {
  private isListening = false;

  constructor(private readonly onUnheard: (error: unknown) => void) {}

  /** An error that a handler gets. */
  handOver(error: unknown): void {
    if (typeof error !== 'object' || error === null) return;
    const { owners } = unheard();
    owners.set(error, this.onUnheard);
    if (this.isListening) return;
    this.isListening = true;
    if (unheard().listeners++ === 0) process.on('unhandledRejection', unheard().hear);
  }

  /** Once the handler has ended. Node looks at the end of a turn. */
  async close(): Promise<void> {
    if (!this.isListening) return;
    this.isListening = false;
    await nextTurn();
    if (--unheard().listeners === 0) process.off('unhandledRejection', unheard().hear);
  }
}

interface Unheard {
  owners: WeakMap<object, (error: unknown) => void>;
  listeners: number;
  hear: (reason: unknown) => void;
}

/** One for the process, whichever copy of the library (ESM or CommonJS) asks. */
function unheard(): Unheard {
  const key = Symbol.for('nestjs-idempotent-mq.unheard-errors');
  const store = globalThis as { [key: symbol]: Unheard | undefined };
  return (store[key] ??= { owners: new WeakMap(), listeners: 0, hear });
}

function hear(reason: unknown): void {
  const owner = typeof reason === 'object' && reason !== null ? unheard().owners.get(reason) : undefined;
  if (owner) owner(reason);
  else if (process.listenerCount('unhandledRejection') === 1 && endsTheProcess()) throw asError(reason);
}

/** What Node does where nobody listens: an error of the app's own must end as it would without this library. */
function endsTheProcess(): boolean {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return !/--unhandled-rejections[= ](?:none|warn)/.test(flags);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('Unhandled rejection', { cause: reason });
}
