import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { createDatabase } from '../support/engines.js';
import { until } from '../support/until.js';
@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'payment' });
  }
}
it('probe', async () => {
  const database = await createDatabase(process.env.PROBE as 'mariadb');
  const start = () => startApp(database, { entities: [CardTable], providers: [CardIssuing], options: { consumers: { concurrency: 4 } } });
  const apps = [await start(), await start()];
  const ids = Array.from({ length: 200 }, (_, i) => `P-${String(i).padStart(3, '0')}`);
  const t0 = Date.now();
  for (let p = 0; p < 5; p++) {
    const copies = Array.from({ length: 10 }, () => ids).flat();
    await apps[0]!.outbox.publishAll(PaymentSucceeded, copies.map(payment), { standalone: true });
  }
  const out: string[] = [];
  let last = 0;
  await until('x', () => {
    const n = apps.flatMap((a) => a.seen.filter((e) => ['acknowledged', 'duplicate-absorbed'].includes(e.type))).length;
    if (Date.now() - last > 1000) {
      last = Date.now();
      const c: Record<string, number> = {};
      for (const a of apps) for (const e of a.seen) c[e.type] = (c[e.type] ?? 0) + 1;
      out.push(`${last - t0} ${n} ${JSON.stringify(c)}`);
    }
    return n >= 10000 || Date.now() - t0 > 45000;
  }, { limitMs: 50000, everyMs: 20 });
  const ev = apps.flatMap((a) => a.seen.filter((e) => e.type === 'given-back' || e.type === 'worker-error')).slice(0, 3);
  console.log(out.join('\n') + '\n' + JSON.stringify(ev));
  await Promise.all(apps.map((a) => a.close()));
  await database.drop();
});
