import { NoConnectionError } from '../../errors/index.js';
import type { ScopeRequest } from './library-connections.js';

/**
 * How many of one kind may have a connection at a time. The pool's own queue has no time limit, and nobody can leave it:
 * whoever waits there holds its delivery, and the shutdown, for as long as others hold their connections.
 */
export class Seats {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  /**
   * @param count how many there are
   * @param whose for messages, like `for handlers`
   */
  constructor(
    private readonly count: number,
    private readonly whose: string,
  ) {}

  /**
   * @returns how to give the seat back
   * @throws NoConnectionError after `waitMs`; or the reason of the signal
   */
  async take(request: ScopeRequest): Promise<() => void> {
    request.signal.throwIfAborted();
    if (this.taken < this.count) this.taken++;
    else await this.turn(request);
    let mine = true;
    return () => {
      if (mine) this.passOn();
      mine = false;
    };
  }

  private passOn(): void {
    const [next] = this.waiting;
    if (next) next();
    else this.taken--;
  }

  private turn({ name, waitMs, signal }: ScopeRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.delete(granted);
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
      };
      const granted = () => {
        leave();
        resolve();
      };
      const aborted = () => {
        leave();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        leave();
        reject(new NoConnectionError(name, waitMs, `${this.count} connections ${this.whose}`));
      }, waitMs);
      this.waiting.add(granted);
      signal.addEventListener('abort', aborted);
    });
  }
}
