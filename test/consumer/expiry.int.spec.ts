import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  defineTopic,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';
import { until } from '../support/until.js';

/** A message whose time is over when its handler is about to begin is not handled, whatever it has waited for. */

interface Code {
  user: string;
}

const LoginCode = defineTopic<Code>({ name: 'login-code', bizId: ({ user }) => user });

let slow: () => Promise<void>;
const CheckedCode = defineTopic<Code>({
  name: 'checked-code',
  bizId: ({ user }: Code) => user,
  schema: {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: async (value: unknown) => {
        await slow();
        return { value: value as Code };
      },
    },
  },
});

@Injectable()
class Codes {
  readonly sent: string[] = [];
  wait: () => Promise<void> = () => Promise.resolve();

  @IdempotentConsumer(LoginCode, { group: 'text', concurrency: 1 })
  text(_code: PayloadOf<typeof LoginCode>, delivery: DeliveryContext): Promise<void> {
    return this.send(delivery);
  }

  @IdempotentConsumer(LoginCode, { group: 'call', concurrency: 1 })
  call(_code: PayloadOf<typeof LoginCode>, delivery: DeliveryContext): Promise<void> {
    return this.send(delivery);
  }

  private async send({ group }: DeliveryContext): Promise<void> {
    this.sent.push(group);
    await this.wait();
  }

  @AtLeastOnceConsumer(CheckedCode, { group: 'mail', concurrency: 1 })
  async mail({ user }: PayloadOf<typeof CheckedCode>, delivery: AtLeastOnceDelivery) {
    this.sent.push(user);
    return delivery.ack();
  }
}

describe.each(engines)('a message that expires while it waits, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let go!: () => void;

  beforeEach(async () => {
    slow = () => Promise.resolve();
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Codes], options: { consumers: { connections: 1 } } });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const held = () => new Promise<void>((resolve) => (go = resolve));
  const soon = () => new Date(Date.now() + 1_500);
  /** By the process's clock, which counts from the claim on. */
  const isOver = (expiresAt: Date) =>
    until('its time is over', () => Date.now() > expiresAt.getTime() + 200, { everyMs: 20 });

  it('for its connection or the write lock goes to the dead letters, and leaves no dedup row', async () => {
    const codes = app.nest.get(Codes);
    const waiting = held();
    codes.wait = () => waiting;
    const expiresAt = soon();
    await app.outbox.publish(LoginCode, { user: 'one' }, { standalone: true, expiresAt });
    await app.events('delivered', 2);
    await isOver(expiresAt);
    go();
    const [dead] = await app.events('dead-lettered');
    const [done] = await app.events('acknowledged');
    expect(dead!.reason).toBe('expired');
    expect(codes.sent).toEqual([done!.group]);
    expect([done!.group, dead!.group].sort()).toEqual(['call', 'text']);
    expect(await countRows(app.dataSource, 'dedup', '1 = 1')).toBe(1);
  });

  it('for its schema goes to the dead letters', async () => {
    // The schema is asked when publishing as well.
    let asked = 0;
    const waiting = held();
    slow = () => (++asked === 1 ? Promise.resolve() : waiting);
    const expiresAt = soon();
    await app.outbox.publish(CheckedCode, { user: 'one' }, { standalone: true, expiresAt });
    await app.events('delivered');
    await isOver(expiresAt);
    go();
    const [dead] = await app.events('dead-lettered');
    expect(dead).toMatchObject({ bizId: 'one', reason: 'expired' });
    expect(app.nest.get(Codes).sent).toEqual([]);
  });
});
