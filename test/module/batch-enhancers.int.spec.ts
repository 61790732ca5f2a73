import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { lastValueFrom, of } from 'rxjs';
import { BatchContext, IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

/** A batch is one call: Nest's enhancers apply to it once, and a provider of request scope is made once for it. */

const IDS = ['P-1', 'P-2', 'P-3'];
let trace: string[];
let made: number;

@Injectable()
class Tracing implements NestInterceptor, CanActivate, PipeTransform {
  canActivate(context: ExecutionContext): boolean {
    trace.push(`guard, ${context.getType()}`);
    return true;
  }

  intercept(_: ExecutionContext, next: CallHandler) {
    trace.push('interceptor');
    return next.handle();
  }

  transform(payloads: Payment[]): Payment[] {
    trace.push(`pipe of ${payloads.length}`);
    return payloads.map((paid) => ({ ...paid, amount: 7 }));
  }
}

@Injectable()
class Enhanced {
  @UseGuards(Tracing)
  @UseInterceptors(Tracing)
  @UsePipes(Tracing)
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', guards: true, batch: { max: 10 } })
  issue(paid: Payment[], { deliveries }: BatchContext<Payment>) {
    trace.push(`handler: ${paid.map(({ amount }) => amount).join(' ')}`);
    // As they were published, or as the topic's schema has made them.
    expect(deliveries.map(({ payload }) => payload.amount)).toEqual(paid.map(() => 100));
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfTheRequest {
  constructor(@Inject(REQUEST) private readonly request: { payload: Payment[]; delivery: BatchContext }) {
    made++;
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', batch: { max: 10 } })
  issue(paid: Payment[], batch: BatchContext<Payment>) {
    expect(this.request.payload).toEqual(paid);
    expect(this.request.delivery).toBe(batch);
  }
}

@Injectable()
class Swallowing implements NestInterceptor {
  async intercept(_: ExecutionContext, next: CallHandler) {
    await lastValueFrom(next.handle()).catch(() => undefined);
    return of(undefined);
  }
}

@Injectable()
class Swallowed {
  @UseInterceptors(Swallowing)
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', retry: { attempts: 1 }, batch: { max: 10 } })
  issue(paid: Payment[]) {
    if (paid.some(({ paymentId }) => paymentId === 'P-2')) throw new Error('no ink');
  }
}

describe('a batch', () => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    trace = [];
    made = 0;
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const consume = async (...providers: (new (...args: never[]) => object)[]) => {
    app = await startApp(database, { providers });
    await app.outbox.publishAll(
      PaymentSucceeded,
      IDS.map((id) => payment(id)),
      { standalone: true },
    );
  };

  it('goes through guards, interceptors and pipes once', async () => {
    await consume(Tracing, Enhanced);
    await app.events('acknowledged', IDS.length);
    expect(trace).toEqual(['guard, idempotent-mq', 'interceptor', 'pipe of 3', 'handler: 7 7 7']);
  });

  it('is a request of its own', async () => {
    await consume(OfTheRequest);
    await app.events('acknowledged', IDS.length);
    expect(made).toBe(1);
  });

  it('has failed when its handler has, whatever an interceptor makes of that', async () => {
    await consume(Swallowing, Swallowed);
    expect(await app.events('dead-lettered')).toMatchObject([{ bizId: 'P-2', reason: 'failed' }]);
    await app.events('acknowledged', IDS.length - 1);
  });
});
