import { JETSTREAM_CAPABILITIES } from '../../src/jetstream/jetstream.engine.js';
import { RABBITMQ_CAPABILITIES } from '../../src/rabbitmq/rabbitmq.engine.js';
import { OWN_BROKER, type TransportCapability } from '../../src/transport/capabilities.js';
import { read, tableUnder } from './markdown.js';

// The table of what each transport gives is that of their declarations.

describe('docs/transports.md', () => {
  const declared = {
    'one database': { ...OWN_BROKER, oneCommit: true },
    'a database each': OWN_BROKER,
    service: OWN_BROKER,
    RabbitMQ: RABBITMQ_CAPABILITIES,
    JetStream: JETSTREAM_CAPABILITIES,
  };
  const rows = tableUnder(read('docs/transports.md'), '## What each of them gives');

  it('has a row for each capability', () => {
    expect(rows.map(([name]) => name)).toEqual(Object.keys(OWN_BROKER));
  });

  it.each(rows.map(([name, ...given]) => [name as TransportCapability, given] as const))(
    '%s is as declared',
    (name, given) => {
      const expected = Object.values(declared).map((capabilities) => (capabilities[name] ? 'yes' : 'no'));
      expect(given.slice(0, Object.keys(declared).length)).toEqual(expected);
    },
  );
});
