import { Names } from '../../src/rabbitmq/names.js';

// Property: what belongs to one topic never has the name of what belongs to another one.

describe('the names at RabbitMQ', () => {
  it('tell the keyed messages of a topic from a topic that is called so', () => {
    const names = new Names('mq');
    const topics = ['order', 'order.keyed', 'keyed.order', 'topic.order', 'keyed', 'topic'];
    const all = topics.flatMap((topic) => [false, true].map((keyed) => names.exchange(topic, keyed)));
    expect(new Set(all).size).toBe(all.length);
  });
});
