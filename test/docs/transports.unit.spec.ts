import { JETSTREAM_CAPABILITIES } from '../../src/jetstream/jetstream.engine.js';
import { RABBITMQ_CAPABILITIES } from '../../src/rabbitmq/rabbitmq.engine.js';
import { OWN_BROKER, type TransportCapability } from '../../src/transport/capabilities.js';
import { read, tableUnder } from './markdown.js';

// The tables of what each transport gives are those of their declarations.

const declared = {
  'one database': { ...OWN_BROKER, oneCommit: true },
  'a database each': OWN_BROKER,
  service: OWN_BROKER,
  RabbitMQ: RABBITMQ_CAPABILITIES,
  JetStream: JETSTREAM_CAPABILITIES,
};

describe('docs/transports.md', () => {
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

describe('docs/scaling.md', () => {
  const places = {
    SQLite: declared['one database'],
    'MariaDB, MySQL': declared['one database'],
    PostgreSQL: declared['one database'],
    'broker service': declared.service,
    RabbitMQ: declared.RabbitMQ,
    JetStream: declared.JetStream,
  };
  const rows = tableUnder(read('docs/scaling.md'), '## What each gives and costs');

  it.each(Object.entries(places))('says what %s does without, as declared', (place, capabilities) => {
    const [, , without = ''] = rows.find(([name]) => name === place) ?? [];
    const missing = Object.entries(capabilities).filter(([, isGiven]) => !isGiven);
    expect(without.split(', ').sort()).toEqual(missing.map(([name]) => name).sort());
  });
});
