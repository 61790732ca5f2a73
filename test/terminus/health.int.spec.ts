import { Injectable } from '@nestjs/common';
import {
  BrokerService,
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqOperations,
  type PayloadOf,
  RejectMessageError,
} from '../../src/index.js';
import {
  type HealthOptions,
  IdempotentMqHealthIndicator,
  IdempotentMqHealthModule,
} from '../../src/terminus/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

let release: () => void;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', concurrency: 1 })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext): Promise<void> {
    if (paymentId === 'P-rejected') throw new RejectMessageError('no such user');
    if (paymentId === 'P-slow') await new Promise<void>((resolve) => (release = resolve));
  }
}

describe.each(engines)('health, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let health: IdempotentMqHealthIndicator;

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  const start = async (options: HealthOptions = {}) => {
    app = await startApp(database, {
      imports: [IdempotentMqHealthModule.forRoot({ cacheMs: 0, ...options })],
      providers: [CardIssuing],
    });
    health = app.nest.get(IdempotentMqHealthIndicator);
  };
  const pay = (...ids: string[]) =>
    app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
  const DOWN = (...problems: string[]) => ({
    mq: { status: 'down', problems: problems.map((said) => expect.stringContaining(said)) },
  });

  it('is up where all is well', async () => {
    await start({ deadLetters: 0 });
    await pay('P-1');
    await app.events('acknowledged');
    expect(health.isAlive()).toEqual({ 'idempotent-mq': { status: 'up' } });
    expect(await health.isHealthy()).toEqual({ 'idempotent-mq': { status: 'up' } });
  });

  it('is down when there are more dead letters than were allowed', async () => {
    await start({ deadLetters: 0 });
    await pay('P-rejected');
    await app.events('dead-lettered');
    expect(await health.isHealthy('mq')).toEqual(DOWN('1 of card-issuing (payment.succeeded)'));
    expect(await health.isHealthy('mq', { deadLetters: 1 })).toEqual({ mq: { status: 'up' } });
    expect(health.isAlive('mq')).toEqual({ mq: { status: 'up' } });
  });

  it('is down when a delivery has waited for too long behind a slow one', async () => {
    await start({ waitingMs: 1 });
    await pay('P-slow');
    await app.events('delivered');
    await pay('P-1');
    const isDown = async () => (await health.isHealthy('mq')).mq!.status === 'down';
    await until('it has waited for a moment', isDown);
    expect(await health.isHealthy('mq')).toEqual(
      DOWN('The oldest delivery to card-issuing of payment.succeeded has waited for'),
    );
    release();
    await app.events('acknowledged', 2);
    expect(await health.isHealthy('mq')).toEqual({ mq: { status: 'up' } });
  });

  it('is down when a worker does not go round, and alive is down then as well', async () => {
    await start({ loopMs: 50 });
    const hung = new Promise<never>((_, reject) => {
      release = () => reject(new Error('it was let go'));
    });
    hung.catch(() => undefined);
    jest.spyOn(BrokerService.prototype, 'poll').mockReturnValue(hung);
    await until('it is told', () => health.isAlive('mq').mq!.status === 'down');
    const said = 'The worker of card-issuing for payment.succeeded has not gone round';
    expect(health.isAlive('mq')).toEqual(DOWN(said));
    expect(await health.isHealthy('mq')).toEqual(DOWN(said));
    jest.restoreAllMocks();
    release();
    await until('it goes round again', () => health.isAlive('mq').mq!.status === 'up');
  });

  it('is down when the database does not answer in time, or fails', async () => {
    await start({ timeoutMs: 20 });
    const status = jest.spyOn(IdempotentMqOperations.prototype, 'status');
    status.mockRejectedValueOnce(new Error('Connection lost'));
    expect(await health.isHealthy('mq')).toEqual(DOWN('could not be read: Error: Connection lost'));
    status.mockReturnValue(new Promise(() => undefined));
    expect(await health.isHealthy('mq')).toEqual(DOWN('could not be read within 20 ms'));
    expect(health.isAlive('mq')).toEqual({ mq: { status: 'up' } });
  });

  it('asks the database no more often than it may', async () => {
    await start({ cacheMs: 60_000 });
    const status = jest.spyOn(IdempotentMqOperations.prototype, 'status');
    await Promise.all([health.isHealthy(), health.isHealthy()]);
    await health.isHealthy();
    expect(status).toHaveBeenCalledTimes(1);
  });
});
