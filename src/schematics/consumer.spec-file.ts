import type { FoundTopic } from './nearest-topic.js';
import type { Place } from './place.js';

/** For Jest and for Vitest with globals, which are what the Nest CLI sets up. */
export const consumerSpec = (
  { kebab, pascal }: Place,
  topic: FoundTopic,
  extension: string,
) => `import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqEvents, IdempotentMqModule, OutboxPublisher, type PayloadOf } from 'nestjs-idempotent-mq';
import { MqTestHarness } from 'nestjs-idempotent-mq/testing';
import { ${topic.name} } from '${topic.from}';
import { ${pascal}Consumer } from './${kebab}.consumer${extension}';

describe('${pascal}Consumer', () => {
  let app: TestingModule;
  let harness: MqTestHarness;

  beforeEach(async () => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          entities: [], // those that it writes
          synchronize: true,
        }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
      ],
      providers: [${pascal}Consumer],
    }).compile();
    await app.init(); // starts the consumer
    harness = new MqTestHarness(app);
  });

  afterEach(() => app.close());

  it('takes effect once, however often it is told', async () => {
    const payload: PayloadOf<typeof ${topic.name}> = { id: '1' };
    const outcomes: string[] = [];
    app
      .get(IdempotentMqEvents)
      .of('acknowledged', 'duplicate-absorbed')
      .subscribe(({ type }) => outcomes.push(type));
    await app.get(OutboxPublisher).publish(${topic.name}, payload, { standalone: true });
    await harness.drain();
    await harness.redeliver(${topic.name}, { bizId: '1' });
    await harness.drain();
    expect(await harness.deadLetters()).toEqual([]);
    expect(outcomes).toEqual(['acknowledged', 'duplicate-absorbed']);
    // And what it wrote: expect(await app.get(DataSource).getRepository(…).count()).toBe(1);
  });
});
`;
