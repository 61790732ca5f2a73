import { startApart, twoDatabases } from './support.js';
import { PaymentSucceeded, payment } from '../support/cards.js';

it('a broker that never says what it accepts holds up no shutdown', async () => {
  const databases = await twoDatabases('sqlite');
  let asked!: () => void;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  const app = await startApart(databases, {
    options: {
      shutdownTimeoutMs: 50,
      relay: { ackTimeoutMs: 60_000 },
      retention: { innerMsgIdWindowMs: 86_400_000 },
    },
    through: (broker) => ({
      ...broker,
      acceptance: () => {
        asked();
        return new Promise(() => undefined);
      },
    }),
  });
  await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
  await isAsked;
  const began = performance.now();
  await app.close();
  expect(performance.now() - began).toBeLessThan(30_000);
  await databases.drop();
});
