import { rabbitmq } from '../../src/rabbitmq/index.js';
import { MqTestHarness } from '../../src/testing/index.js';

/** A harness that saw part of the messages would drain, and they would come after the test. */
describe('MqTestHarness', () => {
  it.each<[string, object | undefined, object]>([
    ['a service', undefined, { url: 'http://127.0.0.1:7788' }],
    ['an engine in its place', {}, rabbitmq({ url: 'amqp://127.0.0.1' })],
  ])('refuses an app whose broker is %s', (what, brokerConnections, broker) => {
    const app = { get: () => ({ brokerConnections, options: { broker } }) };
    expect(() => new MqTestHarness(app as never)).toThrow(`and ${what} has its messages to itself`);
  });
});
