import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { register } from 'prom-client';
import { tellOfSlowHandlers } from '../../examples/observability/channels.js';
import { HealthModule } from '../../examples/observability/health.js';
import { measured } from '../../examples/observability/opentelemetry.js';
import { Oncall, Pager } from '../../examples/observability/pager.js';
import { MetricsModule } from '../../examples/observability/prometheus.js';
import { IdempotentMqEvents, IdempotentMqModule, OutboxPublisher } from '../../src/index.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Scrape } from './scrape.js';

// The examples of docs/observability.md and docs/events.md, in one app.
describe.each(engines)('an app that is observed as the documents have it, on %s', (engine) => {
  let database: TestDatabase;
  let app: INestApplication;
  let url: string;

  beforeEach(async () => {
    register.clear();
    database = await createDatabase(engine);
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(database.options),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
        ...[MetricsModule, HealthModule, measured],
      ],
      providers: [Oncall, Pager],
    }).compile();
    app = testing.createNestApplication();
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    url = `http://127.0.0.1:${port}`;
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
    register.clear();
  });

  it('is scraped', async () => {
    await app.get(OutboxPublisher).publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const scrape = Scrape.of(await response.text());
    expect(scrape.value('idempotent_mq_published_total', { topic: 'payment.succeeded' })).toBe(1);
    expect(scrape.value('idempotent_mq_status_up')).toBe(1);
  });

  it.each(['/health', '/health/live'])('says at %s that it is well', async (path) => {
    const response = await fetch(url + path);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 200,
      body: { status: 'ok', info: { 'idempotent-mq': { status: 'up' } } },
    });
  });

  it('pages for what nobody tries any more, and for nothing else', () => {
    const events = app.get(IdempotentMqEvents);
    const about = { topic: 'paid', group: 'cards', bizId: 'P-1' };
    events.emit({ type: 'acknowledged', ...about, tookMs: 1, ageMs: 1 });
    events.emit({ type: 'dead-lettered', ...about, reason: 'rejected', error: 'Error: no such user' });
    expect(app.get(Oncall).pages).toEqual(['dead-lettered: P-1: Error: no such user']);
  });

  it('tells of slow handlers through their channel', () => {
    const lines: string[] = [];
    const stop = tellOfSlowHandlers((line) => lines.push(line));
    const about = { topic: 'paid', group: 'cards', bizId: 'P-1', ageMs: 1 };
    const events = app.get(IdempotentMqEvents);
    events.emit({ type: 'acknowledged', ...about, tookMs: 5_000 });
    events.emit({ type: 'acknowledged', ...about, tookMs: 5_001 });
    stop();
    expect(lines).toEqual(['default: cards took 5001 ms for P-1']);
  });
});
