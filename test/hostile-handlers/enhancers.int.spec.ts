import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import {
  EMPTY,
  type Observable,
  Subject,
  catchError,
  defer,
  firstValueFrom,
  from,
  map,
  of,
  retry,
  take,
  throwError,
  timeout,
} from 'rxjs';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type Payment, PaymentSucceeded } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { CardIssuing, effectOnce, failedTwice, hostileWorker, issueCard, runs } from '../support/hostile.js';

/** The handler's own outcome decides, whatever interceptors and pipes around it make of it. */

type Around = (next: CallHandler) => Observable<unknown>;
const around = new Map<string, Around>();
const pipes = new Map<string, (paid: Payment) => unknown>();

@Injectable()
class InterceptorOfTest implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const [paid] = context.getArgs<[Payment]>();
    return (around.get(paid.paymentId) ?? ((inner) => inner.handle()))(next);
  }
}

@Injectable()
class PipeOfTest implements PipeTransform {
  transform(paid: Payment): unknown {
    return (pipes.get(paid?.paymentId) ?? ((same) => same))(paid);
  }
}

@Injectable()
class EnhancedCardIssuing extends CardIssuing {
  @UseInterceptors(InterceptorOfTest)
  @UsePipes(PipeOfTest)
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 2 } })
  override async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await super.issue(paid, delivery);
  }
}

@Injectable()
class ObservableCardIssuing extends CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 2 } })
  override issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    this.runs.set(paid.paymentId, (this.runs.get(paid.paymentId) ?? 0) + 1);
    return (this.instead.get(paid.paymentId) ?? issueCard)(paid, delivery) as Promise<void>;
  }
}

const onFire = new Error('the card printer is on fire');

describe.each(engines)('interceptors and pipes around a handler, on %s', (engine) => {
  const worker = hostileWorker(
    engine,
    { providers: [InterceptorOfTest, PipeOfTest] },
    { provide: CardIssuing, useClass: EnhancedCardIssuing },
  );
  const meets = (interceptor: Around, handler: Parameters<typeof worker.meets>[0]) => {
    const id = worker.newId();
    around.set(id, interceptor);
    return worker.meets(handler, id);
  };

  it('fails the delivery although an interceptor swallows the error', async () => {
    const end = await meets(
      (next) => next.handle().pipe(catchError(() => of('all is well'))),
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        throw onFire;
      },
    );
    expect(end).toEqual(failedTwice);
  });

  it('takes effect once although an interceptor throws behind the handler', async () => {
    const end = await meets((next) => next.handle().pipe(map(() => fail())), issueCard);
    expect(end).toEqual(effectOnce());
  });

  it('fails the delivery when an interceptor throws before the handler', async () => {
    const end = await meets(() => throwError(() => onFire), issueCard);
    expect(end).toEqual({ ...failedTwice, runs: runs(0) });
  });

  it('fails the delivery when an interceptor answers in place of the handler', async () => {
    const end = await meets(() => of('cached'), issueCard);
    expect(end).toEqual({ ...failedTwice, runs: runs(0) });
  });

  it('fails the delivery when an interceptor calls the handler twice, one after the other', async () => {
    const end = await meets((next) => defer(() => from(callTwice(next))), issueCard);
    expect(end).toEqual({ ...failedTwice, runs: runs(4) });
  });

  it('rolls back what a handler did that an interceptor retries, and goes by its first outcome', async () => {
    let runs = 0;
    const end = await meets(
      (next) => next.handle().pipe(retry(1)),
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        if (++runs === 1) throw onFire;
      },
    );
    // Twice in the attempt that failed, once in the one that took effect.
    expect(end).toEqual(effectOnce(3));
  });

  it('waits for the handler when an interceptor has run out of patience', async () => {
    const impatient = new Subject<void>();
    const giveUp = () => {
      impatient.next();
      return throwError(() => new Error('the interceptor has waited long enough'));
    };
    const end = await meets(
      (next) => next.handle().pipe(timeout({ first: 5, with: giveUp })),
      async (paid, delivery) => {
        await firstValueFrom(impatient);
        await issueCard(paid, delivery);
      },
    );
    expect(end).toEqual(effectOnce());
  });

  it('fails the delivery when the handler fails behind an interceptor that has answered already', async () => {
    const answered = new Subject<void>();
    const end = await meets(
      (next) => {
        next
          .handle()
          .pipe(catchError(() => EMPTY))
          .subscribe();
        return answered.pipe(take(1));
      },
      async (paid, delivery) => {
        answered.next();
        await issueCard(paid, delivery);
        throw onFire;
      },
    );
    expect(end).toEqual(failedTwice);
  });

  it('fails the delivery when a pipe throws', async () => {
    const id = worker.newId();
    pipes.set(id, () => fail());
    expect(await worker.meets(issueCard, id)).toEqual({ ...failedTwice, runs: runs(0) });
  });

  it('gives the handler what a pipe made of the payload', async () => {
    const id = worker.newId();
    pipes.set(id, (paid) => ({ ...paid, userId: 'from the pipe' }));
    const seen: string[] = [];
    const end = await worker.meets(async (paid, delivery) => {
      seen.push(paid.userId);
      await issueCard(paid, delivery);
    }, id);
    expect(end).toEqual(effectOnce());
    expect(seen).toEqual(['from the pipe']);
  });
});

describe.each(engines)('a handler that returns an Observable, on %s', (engine) => {
  const worker = hostileWorker(engine, {}, { provide: CardIssuing, useClass: ObservableCardIssuing });

  it('takes effect once, with what runs at its subscription', async () => {
    expect(await worker.meets((paid, delivery) => defer(() => issueCard(paid, delivery)))).toEqual(
      effectOnce(),
    );
  });

  it('fails when the Observable does', async () => {
    const end = await worker.meets((paid, delivery) =>
      defer(() => issueCard(paid, delivery)).pipe(map(() => fail())),
    );
    expect(end).toEqual(failedTwice);
  });
});

function fail(): never {
  throw onFire;
}

async function callTwice(next: CallHandler): Promise<void> {
  for (const _ of [1, 2])
    await new Promise((resolve, reject) =>
      next.handle().subscribe({ complete: () => resolve(0), error: reject }),
    );
}
