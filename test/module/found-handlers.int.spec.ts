import { Controller, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
} from '../../src/index.js';
import { type AppParts, type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

/** A decorated method is found wherever Nest keeps the object that it belongs to. */

let handledBy: object[];

/** Not decorated by Nest: for providers that are made by hand. */
class CardIssuing {
  readonly printer = { isReady: true };

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 1 } })
  async issue(_: Payment, delivery: DeliveryContext): Promise<void> {
    if (!this.printer.isReady || !delivery.manager) throw new Error('no printer');
    handledBy.push(this);
  }
}

@Injectable()
class InjectableIssuing extends CardIssuing {}

@Controller()
class IssuingController extends CardIssuing {}

@Injectable({ scope: Scope.TRANSIENT })
class TransientIssuing extends CardIssuing {}

@Injectable({ scope: Scope.REQUEST })
class IssuingOfRequest extends CardIssuing {
  constructor(@Inject(REQUEST) readonly request: { payload: Payment; delivery: DeliveryContext }) {
    super();
  }
}

@Controller()
class ControllerOfRequest extends IssuingOfRequest {}

@Injectable()
class Texting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async text(_: Payment, delivery: AtLeastOnceDelivery) {
    handledBy.push(this);
    return delivery.ack();
  }
}

let database: TestDatabase;
let app: TestApp | undefined;

beforeEach(async () => {
  handledBy = [];
  database = await createDatabase('sqlite');
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  await database.drop();
});

async function startAndPay(parts: AppParts, ids = ['P-1']): Promise<TestApp> {
  app = await startApp(database, parts);
  const payments = ids.map(payment);
  await app.outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
  await app.events('acknowledged', ids.length);
  return app;
}

describe('a handler is found on', () => {
  const made = new CardIssuing();
  const places: [string, AppParts][] = [
    ['a provider', { providers: [InjectableIssuing] }],
    ['a provider under another token', { providers: [{ provide: 'issuing', useClass: InjectableIssuing }] }],
    ['a controller', { controllers: [IssuingController] }],
    ['what a factory makes', { providers: [{ provide: 'issuing', useFactory: () => new CardIssuing() }] }],
    [
      'what an asynchronous factory makes',
      { providers: [{ provide: 'issuing', useFactory: async () => new CardIssuing() }] },
    ],
    ['a value', { providers: [{ provide: 'issuing', useValue: made }] }],
    [
      'a provider that has an alias, once',
      { providers: [InjectableIssuing, { provide: 'issuing', useExisting: InjectableIssuing }] },
    ],
    ['an at-least-once consumer', { providers: [Texting] }],
  ];

  it.each(places)('%s', async (_, parts) => {
    await startAndPay(parts);
    expect(handledBy).toHaveLength(1);
    expect(app!.seen.filter(({ type }) => type === 'delivered')).toHaveLength(1);
  });

  it('a provider among values that have no class', async () => {
    const values = [null, undefined, 0, '', 'text', Symbol('s'), Object.create(null), () => 0, class {}, [1]];
    const providers = values.map((useValue, i) => ({ provide: `value ${i}`, useValue: useValue as unknown }));
    await startAndPay({ providers: [...providers, InjectableIssuing] });
    expect(handledBy).toHaveLength(1);
  });
});

describe('a handler gets a fresh instance for each delivery on', () => {
  const ids = ['P-1', 'P-2', 'P-3'];

  it.each([
    ['a request-scoped provider', { providers: [IssuingOfRequest] }],
    ['a request-scoped controller', { controllers: [ControllerOfRequest] }],
  ])('%s, with the delivery as its request', async (_, parts) => {
    await startAndPay(parts, ids);
    expect(new Set(handledBy).size).toBe(3);
    const requests = (handledBy as IssuingOfRequest[]).map(({ request }) => request);
    expect(requests.map(({ payload }) => payload.paymentId).sort()).toEqual(ids);
    expect(requests.map(({ delivery }) => delivery.bizId).sort()).toEqual(ids);
  });

  it('a provider that depends on a request-scoped one', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {}

    @Injectable()
    class IssuingForTenant extends CardIssuing {
      constructor(readonly tenant: Tenant) {
        super();
      }
    }

    await startAndPay({ providers: [Tenant, IssuingForTenant] }, ids);
    const tenants = (handledBy as IssuingForTenant[]).map(({ tenant }) => tenant);
    expect(new Set(tenants).size).toBe(3);
    for (const tenant of tenants) expect(tenant).toBeInstanceOf(Tenant);
  });

  it('a transient provider', async () => {
    await startAndPay({ providers: [TransientIssuing] }, ids);
    expect(new Set(handledBy).size).toBe(3);
  });
});
