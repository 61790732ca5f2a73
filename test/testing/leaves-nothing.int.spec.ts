import { Logger } from '@nestjs/common';
import { type TestedRuntime, runtimeOf } from '../../src/testing/harness/runtime-of.js';
import { type MatrixRun, MqTestHarness, crashMatrix } from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { AccountTable, Correct } from './seeded-bugs.js';
import { type Place, SHAPES, createPlace } from './shapes.js';

// Each failure is on purpose.
Logger.overrideLogger(false);
jest.setTimeout(180_000);

/** What stands in place of something of the app, or listens to it: where the kit can lay its hands on it. */
function handsOn(runtime: TestedRuntime) {
  const { transport, outbox, connections, brokerConnections, caller, logger, events, dataSource } = runtime;
  const touched = {
    runtime,
    ...{ transport, colocated: transport.colocated, outbox, connections, brokerConnections },
    ...{ caller, logger, events },
  };
  const methods = Object.entries(touched).flatMap(([name, object]) =>
    Reflect.ownKeys(object ?? {})
      .map((key) => ({ key, value: (object as unknown as Record<string | symbol, unknown>)[key] }))
      .filter(({ key, value }) => typeof key === 'symbol' || typeof value === 'function')
      .map(({ key, value }) => [name, key, value]),
  );
  const { subjects } = events as unknown as { subjects: Map<string, { observers: unknown[] }> };
  const listeners = [...subjects.values()].flatMap(({ observers }) => [...observers]);
  return { methods, listeners, subscribers: [...dataSource.subscribers] };
}

describe.each(SHAPES)('the testing kit on sqlite, %s:', (shape) => {
  let place: Place;
  let app: TestApp;

  beforeEach(async () => {
    place = await createPlace('sqlite', shape);
  });

  afterEach(async () => {
    await app.close();
    await place.drop();
  });

  const start = async () => {
    app = await startApp(place.database, {
      entities: [CardTable, AccountTable],
      providers: [Correct],
      options: { ...place.options, consumers: { pollMs: 10 } },
    });
    return runtimeOf(app.nest);
  };

  const cards = ({ id }: MatrixRun) =>
    app.dataSource.getRepository(CardRow).countBy({ paymentId: `${id}/card` });

  it.each([
    ['passed', cards],
    ['failed', () => 'nothing of the run'],
  ])('crashMatrix has no hand in the app any more when it has %s', async (verdict, observe) => {
    const runtime = await start();
    const before = handsOn(runtime);
    let during: unknown;
    const publish = ({ id }: MatrixRun) => {
      during ??= handsOn(runtime);
      return app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    };

    const ended = await crashMatrix<unknown>(app.nest, { publish, observe }).then(
      () => 'passed',
      (error: Error) => (verdict === 'failed' ? 'failed' : error.message),
    );

    expect(ended).toBe(verdict);
    expect(during).not.toEqual(before);
    expect(handsOn(runtime)).toEqual(before);
  });

  it('harnesses of one app are closed one by one, and disturb neither the others nor the app', async () => {
    const runtime = await start();
    const before = handsOn(runtime);
    const [first, second] = [new MqTestHarness(app.nest), new MqTestHarness(app.nest)];
    first.loseNextAck(5);
    first.close();
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await second.drain({ timeoutMs: 30_000 });
    first.expectNotPublished(PaymentSucceeded);
    second.expectPublished(PaymentSucceeded, { bizId: 'P-1', times: 1 });
    const repeats = () => app.seen.filter(({ type }) => type === 'duplicate-absorbed').length;
    expect(repeats()).toBe(0);
    expect(await second.redeliver(PaymentSucceeded)).toBe(1);
    await second.drain({ timeoutMs: 30_000 });
    expect(repeats()).toBe(1);
    for (const harness of [second, first]) harness.close();
    expect(handsOn(runtime)).toEqual(before);
  });
});
