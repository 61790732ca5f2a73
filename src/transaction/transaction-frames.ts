import { AsyncLocalStorage } from 'node:async_hooks';
import { DeliveryTimeoutError } from '../errors/index.js';

/** One for the process: up to Node 22, each that was ever used costs every promise of the process something, for good. */
const current = new AsyncLocalStorage<Frame>();

/**
 * Keeps nested transactions of one connection from overlapping. TypeORM names savepoints by a depth counter, so of two
 * `manager.transaction()` calls side by side one would release or roll back the other's; and a statement of the outer
 * transaction that runs meanwhile would be undone with the inner one. Siblings take turns here, and the outer code waits
 * for the inner.
 */
export class TransactionFrames {
  private readonly root: Frame = { of: this, over: false };
  /** Statements that wait for a nested transaction to end. */
  private waiting = 0;

  /** Whether a nested transaction runs, so that others have to wait for their turn. */
  get isTaken(): boolean {
    return this.root.inner !== undefined;
  }

  /** Resolves when the running code's own transaction is the innermost one. */
  async turn(): Promise<void> {
    const frame = this.frame();
    this.waiting++;
    while (frame.inner) await frame.inner;
    this.waiting--;
  }

  /** Why it took so long, where a nested transaction may have waited for what waits for it. */
  explain(cause: Error): Error {
    if (this.waiting === 0 || !(cause instanceof DeliveryTimeoutError)) return cause;
    return new DeliveryTimeoutError(
      `${cause.message} Statements of it (${this.waiting}) waited for a nested transaction to end. If that one awaits them, ` +
        'both wait for ever: await them before it begins, or send them from inside of it.',
      { cause },
    );
  }

  /** Runs a nested transaction once its siblings are through. */
  async nested<T>(work: () => Promise<T>): Promise<T> {
    const outer = this.frame();
    while (outer.inner) await outer.inner;
    const frame: Frame = { of: this, over: false, around: running(current.getStore()) };
    const result = current.run(frame, work);
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    outer.inner = settled;
    try {
      return await result;
    } finally {
      frame.over = true;
      if (outer.inner === settled) delete outer.inner;
    }
  }

  /** Code that outlives its nested transaction counts as the root's. */
  private frame(): Frame {
    let frame = current.getStore();
    // Another connection's transaction may have begun inside of this one's.
    while (frame && frame.of !== this) frame = frame.around;
    return frame && !frame.over ? frame : this.root;
  }
}

/** Those that are over are left out: code that goes on for ever from within them would keep them all. */
function running(frame: Frame | undefined): Frame | undefined {
  while (frame?.over) frame = frame.around;
  return frame;
}

interface Frame {
  of: TransactionFrames;
  over: boolean;
  /** The nested transaction that runs now; settles when it is through. */
  inner?: Promise<void>;
  /** Where the code that began it ran. */
  around?: Frame | undefined;
}
