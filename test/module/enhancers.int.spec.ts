import {
  type ArgumentMetadata,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { DeliveryContext, IdempotentConsumer, type IdempotentConsumerOptions } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

/** Which of Nest's enhancers apply to a handler, and to which of its parameters. */

let trace: string[];
let pipedMetadata: ArgumentMetadata[];

function tracing(name: string) {
  @Injectable()
  class Tracing implements NestInterceptor {
    constructor(private readonly reflector: Reflector) {}

    intercept(context: ExecutionContext, next: CallHandler) {
      const role = this.reflector.get<string>('role', context.getHandler());
      trace.push(`${name}, ${context.getType()}, ${context.getClass().name}, ${role}`);
      return next.handle();
    }
  }
  return Tracing;
}

const OfClass = tracing('class');
const OfMethod = tracing('method');
const Global = tracing('global');

class PaymentDto {
  paymentId!: string;
  isChecked?: boolean;
}

@Injectable()
class CheckingPipe implements PipeTransform {
  transform(value: object, metadata: ArgumentMetadata): unknown {
    pipedMetadata.push(metadata);
    return Object.assign(new (metadata.metatype as typeof PaymentDto)(), value, { isChecked: true });
  }
}

@Catch()
class CatchAll implements ExceptionFilter {
  catch(): string {
    trace.push('filter');
    return 'all is well';
  }
}

@Injectable()
class HttpOnly implements CanActivate {
  canActivate(): boolean {
    trace.push('guard');
    return false;
  }
}

/** A handler that records what it gets, and fails as often as it is told. */
function issuing(options: Partial<IdempotentConsumerOptions> = {}) {
  @UseInterceptors(OfClass)
  class Issuing {
    failures = 0;
    readonly handled: [PaymentDto, DeliveryContext][] = [];

    @SetMetadata('role', 'issuer')
    @UseInterceptors(OfMethod)
    @IdempotentConsumer(PaymentSucceeded, {
      group: 'card-issuing',
      retry: { attempts: 2, delayMs: 1 },
      ...options,
    })
    async issue(paid: PaymentDto & Payment, delivery: DeliveryContext): Promise<void> {
      this.handled.push([paid, delivery]);
      if (this.failures-- > 0) throw new Error('the card printer is on fire');
    }
  }
  // The type that a real handler would have written there; an intersection leaves Object.
  Reflect.defineMetadata('design:paramtypes', [PaymentDto, DeliveryContext], Issuing.prototype, 'issue');
  Injectable()(Issuing);
  return Issuing;
}

describe('the enhancers of a handler', () => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    trace = [];
    pipedMetadata = [];
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const start = async (Issuing: ReturnType<typeof issuing>, providers: Provider[], failures = 0) => {
    app = await startApp(database, { providers: [Issuing, ...providers] });
    const consumer = app.nest.get(Issuing);
    consumer.failures = failures;
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    return consumer;
  };

  it('are the interceptors of its class and of its method, and not the global ones', async () => {
    await start(issuing(), [{ provide: APP_INTERCEPTOR, useClass: Global }]);
    await app.events('acknowledged');
    expect(trace).toEqual([
      'class, idempotent-mq, Issuing, issuer',
      'method, idempotent-mq, Issuing, issuer',
    ]);
  });

  it('are the global interceptors too where the consumer asks for them', async () => {
    await start(issuing({ globalInterceptors: true }), [{ provide: APP_INTERCEPTOR, useClass: Global }]);
    await app.events('acknowledged');
    expect(trace.map((line) => line.split(',')[0])).toEqual(['global', 'class', 'method']);
  });

  it('are never filters: a catch-all one does not swallow a failure', async () => {
    const Issuing = issuing();
    UseFilters(CatchAll)(Issuing);
    const consumer = await start(Issuing, [{ provide: APP_FILTER, useClass: CatchAll }], 1);
    const [retry] = await app.events('retry-scheduled');
    expect(retry).toMatchObject({ failures: 1, error: expect.stringContaining('on fire') as string });
    await app.events('acknowledged');
    expect(consumer.handled).toHaveLength(2);
    expect(trace).not.toContain('filter');
  });

  it('are not guards, which know of HTTP requests only', async () => {
    const Issuing = issuing();
    UseGuards(HttpOnly)(Issuing);
    const consumer = await start(Issuing, [{ provide: APP_GUARD, useClass: HttpOnly }]);
    await app.events('acknowledged');
    expect(consumer.handled).toHaveLength(1);
    expect(trace).not.toContain('guard');
  });

  it('are guards where the consumer asks for them, and a rejection is a failure', async () => {
    const consumer = await start(issuing({ guards: true }), [{ provide: APP_GUARD, useClass: HttpOnly }]);
    const [letter] = await app.events('dead-lettered');
    expect(letter).toMatchObject({ reason: 'failed', error: expect.stringContaining('Forbidden') as string });
    expect(consumer.handled).toEqual([]);
    expect(trace).toEqual(['guard', 'guard']);
  });

  it.each(['global', 'of its method'])(
    'are pipes, which get the payload and nothing else (%s)',
    async (place) => {
      const Issuing = issuing();
      if (place === 'of its method') {
        UsePipes(CheckingPipe)(
          Issuing.prototype,
          'issue',
          Object.getOwnPropertyDescriptor(Issuing.prototype, 'issue')!,
        );
      }
      const global = place === 'global' ? [{ provide: APP_PIPE, useClass: CheckingPipe }] : [];
      const consumer = await start(Issuing, global);
      await app.events('acknowledged');
      expect(pipedMetadata).toEqual([expect.objectContaining({ type: 'body', metatype: PaymentDto })]);
      const [[paid, delivery]] = consumer.handled as [[PaymentDto, DeliveryContext]];
      expect(paid).toBeInstanceOf(PaymentDto);
      expect(paid).toMatchObject({ ...payment('P-1'), isChecked: true });
      expect(delivery).toMatchObject({ group: 'card-issuing', bizId: 'P-1', attempt: 1 });
      expect(delivery).not.toHaveProperty('isChecked');
    },
  );
});
