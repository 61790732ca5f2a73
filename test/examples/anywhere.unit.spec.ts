import { readPlace } from '../../examples/anywhere/place.js';

const SQLITE = 'sqlite:shop.sqlite';

describe('where the shop of examples/anywhere runs', () => {
  it('is a SQLite file with the broker in it, where nothing is said', () => {
    const place = { database: { type: 'better-sqlite3', database: 'shop.sqlite' }, broker: undefined };
    expect([readPlace({}), readPlace({ BROKER_URL: '' })]).toEqual([place, place]);
  });

  it.each([
    ['mysql://app:secret@db:3306/shop', 'mysql'],
    ['mariadb://app:secret@db/shop', 'mariadb'],
    ['postgres://app:secret@db/shop', 'postgres'],
  ])('is %s, for payments or for the broker', (url, type) => {
    expect(readPlace({ DATABASE_URL: url })).toMatchObject({ database: { type, url }, broker: undefined });
    expect(readPlace({ BROKER_URL: url })).toMatchObject({ broker: { dataSource: { type, url } } });
  });

  it('has a service for a broker, with a token if there is one', () => {
    const url = 'https://broker.internal/idempotent-mq';
    expect(readPlace({ BROKER_URL: url }).broker).toEqual({ url });
    expect(readPlace({ BROKER_URL: url, BROKER_TOKEN: 'secret' }).broker).toEqual({ url, token: 'secret' });
  });

  it.each([
    ['amqp://guest:guest@queue:5672', 'rabbitmq://queue:5672/'],
    ['amqps://app:secret@queue/shop', 'rabbitmq://queue:5671/shop'],
    ['nats://127.0.0.1:4222', 'nats://127.0.0.1:4222'],
    ['tls://app:secret@nats.internal:4222', 'nats://nats.internal:4222'],
  ])('has an engine in the broker’s place at %s: %s', (url, name) => {
    const { broker } = readPlace({ BROKER_URL: url });
    expect(broker && 'engine' in broker && broker.engine().name).toBe(name);
  });

  it.each([
    ['DATABASE_URL', '', 'nothing'],
    ['DATABASE_URL', 'shop.sqlite', 'shop.sqlite'],
    ['DATABASE_URL', 'sqlite:', 'sqlite:'],
    ['DATABASE_URL', 'mysql://app:secret@db:3306/', 'mysql://***@db:3306/'],
    ['DATABASE_URL', 'mysql:///shop', 'mysql:///shop'],
    ['DATABASE_URL', 'oracle://db/shop', 'oracle://db/shop'],
    ['DATABASE_URL', 'amqp://queue', 'amqp://queue'],
    ['BROKER_URL', 'redis://app:secret@queue:6379', 'redis://***@queue:6379'],
    ['BROKER_URL', 'amqp://', 'amqp://'],
    ['BROKER_URL', '127.0.0.1:4222', '127.0.0.1:4222'],
    ['BROKER_URL', SQLITE, SQLITE],
  ])('can’t be %s=%s, which is told with its variable and without a password', (variable, value, told) => {
    const reading = () => readPlace({ DATABASE_URL: SQLITE, [variable]: value });
    const literally = told.replaceAll('*', '\\*');
    expect(reading).toThrow(new RegExp(`^${variable} must be .+ \\(got ${literally}\\)\\.$`));
  });
});
