import { Engine } from '../../examples/demo/engine/engine.js';
import { readArguments } from '../../examples/demo/stage/arguments.js';

describe('arguments of the demo', () => {
  it('are a thousand payments on SQLite, with a database each, unless others are given', () => {
    expect(readArguments([])).toEqual({
      payments: 1_000,
      database: undefined,
      broker: undefined,
      shape: 'apart',
      withoutDedup: false,
    });
  });

  it.each([
    ['--one-database', [], 'together'],
    ['--over-the-network', [], 'over-the-network'],
    ['--broker', ['amqp://localhost'], 'through-an-engine'],
    ['--broker', ['nats://localhost'], 'through-an-engine'],
  ])('have a shape: %s %j', (option, value, shape) => {
    expect(readArguments([option, ...value])).toMatchObject({ shape });
  });

  it.each(['mysql', 'mariadb', 'postgres', 'postgresql'])('may name a server: %s', (protocol) => {
    const database = `${protocol}://me:secret@localhost/`;
    expect(readArguments(['--database', database])).toMatchObject({ database });
  });

  it.each([
    [['--payments', '0'], '--payments must be a whole number from 1 (got 0).'],
    [
      ['--database', 'oracle://me:secret@localhost/'],
      '--database must be a URL that begins with mysql://, mariadb:// or postgres:// (got oracle://***@localhost/).',
    ],
    [
      ['--database', 'postgres://localhost/mine'],
      '--database must name no database, unless with --one-database: the demo creates its own (got postgres://localhost/mine).',
    ],
    [['--over-the-network', '--one-database'], '--over-the-network and --one-database exclude each other'],
    [
      ['--broker', 'mqtt://me:secret@localhost/'],
      '--broker must be a URL that begins with amqp:// or nats:// (got mqtt://***@localhost/).',
    ],
    [['--broker', 'amqp'], '--broker must be a URL that begins with amqp:// or nats:// (got amqp).'],
    [
      ['--broker', 'nats://localhost', '--one-database'],
      '--broker nats://localhost and --one-database exclude each other',
    ],
    [
      ['--broker', 'amqp://me:secret@localhost', '--over-the-network'],
      '--broker amqp://***@localhost and --over-the-network exclude each other',
    ],
  ])('that are wrong are told of, without a password, and how they are right: %j', (args, complaint) => {
    expect(() => readArguments(args)).toThrow(complaint);
    expect(() => readArguments(args)).toThrow('npm run demo -- [options]');
  });
});

describe('an engine that the demo is told to use', () => {
  it.each(['amqp', 'nats'])('is told of where nobody answers: %s', async (protocol) => {
    await expect(Engine.open(`${protocol}://me:secret@127.0.0.1:1`)).rejects.toThrow(
      `--broker ${protocol}://127.0.0.1:1 can't be used: `,
    );
  });
});
