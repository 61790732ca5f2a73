import { IdempotentMqEvents } from '../../src/events/index.js';
import { drain } from '../../src/testing/harness/drain.js';
import { UnderWay } from '../../src/testing/harness/under-way.js';

describe('drain', () => {
  it('ends where nothing is on its way at any look, and events keep coming all the same', async () => {
    const events = new IdempotentMqEvents();
    const underWay = new UnderWay(events);
    const look = async () => {
      events.emit({ type: 'published', topic: 'money', count: 1 });
      return [];
    };
    const runtime = { brokerConnections: { control: look }, options: { roles: { consume: true } } };
    await expect(drain(runtime as never, underWay, 30)).rejects.toThrow(
      /Still on its way after 30 ms.*\n {2}something, for events keep coming: published \(money\)/,
    );
    underWay.close();
  });
});
