import { Injectable } from '@nestjs/common';
import { IdempotentConsumer, RejectMessageError, defineTopic } from '../../../src/index.js';
import type { TestDatabase } from '../../support/engines.js';
import { type DashboardParts, type MountedDashboard, mountDashboard } from './mounted.js';

export interface Paid {
  paymentId: string;
  amount: number;
  cardHolder: string;
}

export const PaymentSucceeded = defineTopic<Paid>({
  name: 'payment.succeeded',
  bizId: ({ paymentId }) => paymentId,
});
export const OrderPlaced = defineTopic<{ orderId: string }>({
  name: 'order.placed',
  bizId: ({ orderId }) => orderId,
});
/** Nobody subscribes to it. */
export const AccountClosed = defineTopic<{ account: string }>({
  name: 'account.closed',
  bizId: ({ account }) => account,
});

/** What goes wrong with a payment, by its number. */
export const FAILS = 'Card printer answers 503: the tray is empty';
export const REJECTED = 'Holder unknown: payment of a guest';
export const HOSTILE_ID = `P-<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
export const HOSTILE_ERROR = `<b>bold</b><script>document.title='owned'</script> javascript:document.title='owned'`;

/** With a stack that is the same on every machine. */
function printerError(): Error {
  const at = [
    'CardPrinter.print (/srv/shop/dist/card-printer.js:48:13)',
    'Cards.issue (/srv/shop/dist/cards.js:21:24)',
  ];
  return Object.assign(new Error(FAILS), { stack: [`Error: ${FAILS}`, ...at].join('\n    at ') });
}

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 2 } })
  async issue({ paymentId }: Paid): Promise<void> {
    if (paymentId === HOSTILE_ID) throw new Error(HOSTILE_ERROR);
    if (/-F\d+$/.test(paymentId)) throw printerError();
    if (/-G\d+$/.test(paymentId)) throw new RejectMessageError(REJECTED);
  }
}

@Injectable()
class Receipts {
  @IdempotentConsumer(PaymentSucceeded, { group: 'receipts' })
  async send(): Promise<void> {}
}

@Injectable()
class Shipping {
  @IdempotentConsumer(OrderPlaced, { group: 'shipping' })
  async ship(): Promise<void> {}
}

export interface Shop extends MountedDashboard {
  pay(...paymentIds: string[]): Promise<void>;
  /** While it is true, ACKs of the broker get lost on their way. */
  network: { losesAcks: boolean };
}

/** A small shop with a broker in a database of its own, and all that can be seen of it. */
export async function openShop(
  databases: { app: TestDatabase; broker: TestDatabase },
  parts: DashboardParts = {},
): Promise<Shop> {
  const network = { losesAcks: false };
  const app = await mountDashboard(databases.app, {
    providers: [Cards, Receipts, Shipping],
    dashboard: { title: 'Shop, production', intervalMs: 200 },
    ...parts,
    options: {
      broker: {
        dataSource: databases.broker.options,
        through: (broker) => ({
          ...broker,
          send: async (shipment) => {
            const answers = await broker.send(shipment);
            if (network.losesAcks) throw new Error('The connection was cut');
            return answers;
          },
        }),
      },
      topics: [AccountClosed],
      ...parts.options,
    },
  });
  const pay = (...paymentIds: string[]) =>
    app.outbox.publishAll(
      PaymentSucceeded,
      paymentIds.map((paymentId) => ({ paymentId, amount: 4_200, cardHolder: 'Ada Lovelace' })),
      { standalone: true },
    );
  return Object.assign(app, { pay, network });
}
