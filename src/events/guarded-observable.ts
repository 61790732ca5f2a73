import { Observable, type Observer, Subscriber, type Subscription } from 'rxjs';

type Listener<T> = Partial<Observer<T>> | ((value: T) => void) | null | undefined;

/**
 * An observable whose subscribers may throw. RxJS throws their errors again from a timer, which ends the process; here
 * they are reported, also behind operators.
 */
export class GuardedObservable<T> extends Observable<T> {
  constructor(
    source: Observable<T>,
    private readonly onError: (error: unknown) => void,
  ) {
    super((subscriber) => source.subscribe(subscriber));
  }

  /** What `pipe` makes is guarded too. */
  override lift<R>(operator: Parameters<Observable<T>['lift']>[0]): Observable<R> {
    const lifted: Observable<unknown> = super.lift(operator);
    return new GuardedObservable(lifted as Observable<R>, this.onError);
  }

  override subscribe(listener?: Listener<T>, ...others: unknown[]): Subscription {
    // Operators bring subscribers of RxJS's own, which hand errors down to the last one.
    if (listener instanceof Subscriber) return super.subscribe(listener);
    const [error, complete] = others as [Observer<T>['error']?, Observer<T>['complete']?];
    const given = typeof listener === 'function' ? { next: listener, error, complete } : (listener ?? {});
    return super.subscribe({
      next: (value) => this.guarded(() => given.next?.(value)),
      error: (cause: unknown) => this.guarded(() => (given.error ? given.error(cause) : this.onError(cause))),
      complete: () => this.guarded(() => given.complete?.()),
    });
  }

  private guarded(work: () => unknown): void {
    try {
      const result = work();
      // An async subscriber: nobody else would hear of its rejection.
      if (result instanceof Promise) result.catch((error: unknown) => this.onError(error));
    } catch (error) {
      this.onError(error);
    }
  }
}
