import { Logger } from '@nestjs/common';
import { IdempotentMqModule, OutboxPublisher, defineTopic } from '../../src/index.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { quick, startModules, typeOrm } from './support/start-modules.js';

/** What a newcomer gets wrong is answered with what to do. */

describe('the module, set up wrongly', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(() => database.drop());

  it('says that the plain class is no registration', async () => {
    const start = startModules({ imports: [typeOrm(database), IdempotentMqModule] });
    await expect(start).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('IdempotentMqModule.forRoot({ … })'),
    });
  });

  it('says that there is no DataSource at all', async () => {
    const start = startModules({ imports: [IdempotentMqModule.forRoot(quick)] });
    await expect(start).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/this app has: none.*TypeOrmModule\.forRoot/),
    });
  });

  it('names the DataSources that there are where another one is asked for', async () => {
    const start = startModules({
      imports: [
        typeOrm(database, { name: 'shop' }),
        IdempotentMqModule.forRoot({ ...quick, dataSource: 'shpo' }),
      ],
    });
    await expect(start).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/^The DataSource shpo could not be had \(this app has: shop\)/),
    });
  });

  it('leaves it to TypeORM to say that the database can not be reached', async () => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const unreachable = { type: 'mysql' as const, host: '127.0.0.1', port: 1, retryAttempts: 1 };
    const start = startModules({
      imports: [typeOrm(database, unreachable), IdempotentMqModule.forRoot(quick)],
    });
    await expect(start).rejects.toThrow('ECONNREFUSED');
    jest.restoreAllMocks();
  });

  it.each(['name', 'dataSource', 'isGlobal'])(
    'says where %s belongs that a factory returned',
    async (key) => {
      const useFactory = () => ({ ...quick, [key]: 'shop' });
      const start = startModules({
        imports: [typeOrm(database), IdempotentMqModule.forRootAsync({ useFactory })],
      });
      await expect(start).rejects.toThrow(`belongs beside useFactory, forRootAsync({ ${key}, useFactory })`);
    },
  );

  it('refuses isGlobal as text', () => {
    expect(() => IdempotentMqModule.forRoot({ isGlobal: 'no' as never })).toThrow(
      'forRoot({ isGlobal }) must be a boolean (got the string "no")',
    );
  });

  it.each([
    [{}, {}, /npx nestjs-idempotent-mq migrate --database sqlite:FILE,/],
    [
      { entityPrefix: 'shop_' },
      { tablePrefix: 'q_' },
      /migrate --database sqlite:FILE --table-prefix shop_q_,/,
    ],
    [{ entityPrefix: 'x'.repeat(40) }, {}, /migrate --data-source FILE --table-prefix PREFIX/],
  ])('gives the command that makes the missing tables, with %j and %j', async (typeorm, options, command) => {
    const start = startModules({
      imports: [typeOrm(database, typeorm), IdempotentMqModule.forRoot(options)],
    });
    await expect(start).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringMatching(command),
    });
  });

  it('takes forRoot() without options', async () => {
    await startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot(quick)] }).then((app) =>
      app.close(),
    );
    const app = await startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot()] });
    expect(app.get(OutboxPublisher)).toBeInstanceOf(OutboxPublisher);
    await app.close();
  });

  it('warns of a topic that is defined twice, unless both read the biz-id alike', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const alike = (payload: { id: string }) => payload.id;
    for (let copies = 0; copies < 2; copies++)
      defineTopic<{ id: string }>({ name: 'defined.alike', bizId: alike });
    defineTopic<{ id: string }>({ name: 'defined.apart', bizId: ({ id }) => id });
    defineTopic<{ id: string }>({ name: 'defined.apart', bizId: ({ id }) => `order-${id}` });
    const app = await startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot(quick)] });
    expect(warn.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringMatching(/^Topic defined\.apart is defined more than once/),
    ]);
    warn.mockRestore();
    await app.close();
  });
});
