import type { TestedRuntime } from './runtime-of.js';
import { interpose } from '../interpose.js';
import { ConfigurationError, InvalidOptionError } from '../../errors/index.js';
import type { DeliveriesHandedOut } from './handed-out.js';
import type { UnderWay } from './under-way.js';

/** ACKs that get lost on their way. */
export class LostAcks {
  readonly close: () => void;
  private readonly toLose = { 3: 0, 5: 0 };

  constructor(
    private readonly runtime: TestedRuntime,
    handedOut: DeliveriesHandedOut,
    underWay: UnderWay,
  ) {
    const { transport, events } = runtime;
    const undoSend = interpose(transport, 'send', (send) => async (shipment) => {
      const answers = await send(shipment);
      if (!this.isLost(3)) return answers;
      throw new Error('The test harness lost this ACK (3): the broker has stored what was sent.');
    });
    const undoAcknowledge = interpose(transport, 'acknowledge', (acknowledge) => async (held) => {
      if (!this.isLost(5)) return acknowledge(held);
      // As if the lease had run out since: due again at once, without a failure.
      await transport.retryLater(held, { failures: 0, lostLeases: 0, errors: null }, 0);
      return false;
    });
    // In one database it is part of the COMMIT: what can happen is that the delivery comes again after it.
    const subscription = events.events$.subscribe((event) => {
      if (!transport.colocated || event.type !== 'acknowledged' || !this.isLost(5)) return;
      const { topic, group, bizId } = event;
      const again = handedOut.redeliver({ topic, group, bizId });
      underWay.during(`${topic} ${bizId} for group ${group}, once more`, again).catch(fail);
    });
    this.close = () => {
      undoSend();
      undoAcknowledge();
      subscription.unsubscribe();
    };
  }

  lose(step: 3 | 5): void {
    if (!Object.hasOwn(this.toLose, step)) {
      throw new InvalidOptionError('loseNextAck(step)', step, '3 (to a relay) or 5 (of a consumer)');
    }
    if (step === 3 && !this.runtime.relay) {
      throw new ConfigurationError(
        'There is no ACK (3) to lose: in one database, the steps 1 to 3 are the COMMIT of the publisher. ' +
          'Give the app under test a broker with a database of its own: broker: { dataSource }.',
      );
    }
    this.toLose[step]++;
  }

  private isLost(step: 3 | 5): boolean {
    if (this.toLose[step] === 0) return false;
    this.toLose[step]--;
    return true;
  }
}

/** Of what nobody awaits: the process says so, as of any rejection that nobody hears. */
function fail(cause: unknown): never {
  throw new Error('The test harness could not deliver a message again whose ACK it has lost', { cause });
}
