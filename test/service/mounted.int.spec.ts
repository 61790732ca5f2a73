import { Controller, Get, type INestApplication, Injectable, Module, Post, Body } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IdempotentMqBrokerModule } from '../../src/index.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { ask, shipment } from './support/ask.js';

// Property: mounted in an app, the service is reached below its path, and nothing of the app's own touches its requests.

let isClosed = false;

@Injectable()
class Doorkeeper {
  canActivate(): boolean {
    return !isClosed;
  }
}

@Controller()
class Pages {
  @Get('hello')
  hello() {
    return { said: 'hello' };
  }

  @Post('echo')
  echo(@Body() body: object) {
    return body;
  }
}

describe('a broker service that is mounted in an app', () => {
  let database: TestDatabase;
  let app: INestApplication;
  let base: string;

  beforeEach(async () => {
    isClosed = false;
    database = await createDatabase('sqlite');

    @Module({
      imports: [
        IdempotentMqBrokerModule.forRoot({ dataSource: database.options, schema: 'ensure', tokens: 'none' }),
      ],
      controllers: [Pages],
    })
    class AppModule {}

    app = await NestFactory.create(AppModule, { logger: false });
    app.setGlobalPrefix('api');
    app.useGlobalGuards(new Doorkeeper());
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('answers below its path', async () => {
    const { status } = await ask(`${base}/idempotent-mq`, 'identify', {});
    expect(status).toBe(200);
    // Longer than Express reads.
    const long = shipment({ body: JSON.stringify('x'.repeat(500_000)) });
    expect((await ask(`${base}/idempotent-mq`, 'send', long)).body.answers).toEqual([{ kind: 'landed' }]);
  });

  it('leaves the app’s own requests to the app', async () => {
    const hello = await fetch(`${base}/api/hello`, { headers: { connection: 'close' } });
    expect(await hello.json()).toEqual({ said: 'hello' });
    const echo = await fetch(`${base}/api/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: '{"a":1}',
    });
    expect(await echo.json()).toEqual({ a: 1 });
    expect(
      (await fetch(`${base}/idempotent-mqs/v1/identify`, { headers: { connection: 'close' } })).status,
    ).toBe(404);
  });

  it('is not kept from its work by a guard of the app', async () => {
    isClosed = true;
    expect((await fetch(`${base}/api/hello`, { headers: { connection: 'close' } })).status).toBe(403);
    expect((await ask(`${base}/idempotent-mq`, 'identify', {})).status).toBe(200);
  });
});

describe('a broker service in an app without a web server', () => {
  it('says that it needs a port', async () => {
    const database = await createDatabase('sqlite');
    const module = IdempotentMqBrokerModule.forRoot({
      dataSource: database.options,
      schema: 'ensure',
      tokens: 'none',
    });
    const starting = NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
    await expect(starting).rejects.toThrow(/listen: \{ port: 7788 \}/);
    await database.drop();
  });

  it('says that its options are missing', async () => {
    const starting = NestFactory.createApplicationContext(IdempotentMqBrokerModule, {
      logger: false,
      abortOnError: false,
    });
    await expect(starting).rejects.toThrow(/IdempotentMqBrokerModule\.forRoot/);
  });
});
