import { randomBytes } from 'node:crypto';
import type { Observable } from 'rxjs';
import type { BrokerToken } from '../../../src/index.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import type { Orders } from '../stage/orders.js';
import type { StageEvent } from '../stage/reporter.js';
import { BrokerInstances } from './broker-instances.js';
import { NetworkFaults } from './network-faults.js';
import { UnluckyMessages } from './unlucky-messages.js';
import { Wire } from './wire.js';

type Side = 'payments' | 'cards';

/** How long a client waits for an answer, in milliseconds. Two of these fit into a lease. */
const TIMEOUT_MS = 1_000;
/** One fault of each kind for so many payments. */
const PAYMENTS_A_FAULT = 40;

/** What is between the systems and the broker: each side has a wire of its own, and a token that lets it do its own work. */
export class Network {
  readonly instances = new BrokerInstances();
  readonly faults: NetworkFaults;
  private readonly unlucky: UnluckyMessages;
  private readonly wires = new Map<Side, Wire>();
  private readonly secrets = { payments: secret(), cards: secret() };

  private constructor(payments: number, isUnlucky: (paymentId: string) => boolean) {
    this.faults = new NetworkFaults(Math.ceil(payments / PAYMENTS_A_FAULT));
    this.unlucky = new UnluckyMessages(isUnlucky);
  }

  static async open(payments: number, isUnlucky: (paymentId: string) => boolean): Promise<Network> {
    const network = new Network(payments, isUnlucky);
    const { faults, unlucky, instances } = network;
    for (const side of ['payments', 'cards'] as const) {
      network.wires.set(side, await Wire.open(instances, { faults, unlucky, patienceMs: TIMEOUT_MS }));
    }
    return network;
  }

  /** What befell the messages whose story may be told. */
  get events$(): Observable<StageEvent> {
    return this.unlucky.events$;
  }

  serviceFor(side: Side): Orders['service'] {
    return { url: this.wires.get(side)!.url, token: this.secrets[side], timeoutMs: TIMEOUT_MS };
  }

  get tokens(): BrokerToken[] {
    const { payments, cards } = this.secrets;
    return [
      { name: 'payment-system', token: payments, publish: [PaymentSucceeded.name] },
      { name: 'card-system', token: cards, consume: ['card-issuing', 'sms'] },
    ];
  }

  close(): void {
    for (const wire of this.wires.values()) wire.close();
  }
}

function secret(): string {
  return randomBytes(32).toString('hex');
}
