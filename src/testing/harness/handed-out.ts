import { AssertionError } from 'node:assert';
import { InnerMsgIds } from '../../publisher/index.js';
import type { ClaimedDelivery, Subscription } from '../../transport/port.js';
import { interpose } from '../interpose.js';
import { isStillThere, putBack, putCopy } from '../statements/put-back.js';
import type { TestedRuntime } from './runtime-of.js';

/** Which deliveries are meant. Left out: any. */
export interface DeliverySelector {
  group?: string;
  bizId?: string;
}

interface HandedOut {
  readonly subscription: Subscription;
  readonly claimed: ClaimedDelivery;
}

/** The deliveries that the broker has handed out to this process, each as it was the last time. */
export class DeliveriesHandedOut {
  readonly close: () => void;
  private readonly ids = InnerMsgIds.ofProcess();
  private readonly all = new Map<string, HandedOut>();

  constructor(private readonly runtime: TestedRuntime) {
    const { transport } = runtime;
    const note = (subscription: Subscription, claimed: ClaimedDelivery) => {
      // The last one that was handed out comes last.
      const key = `${claimed.subscriptionId}:${claimed.seq}`;
      this.all.delete(key);
      this.all.set(key, { subscription, claimed });
    };
    const undoClaim = interpose(transport, 'claim', (claim) => async (request) => {
      const answer = await claim(request);
      for (const claimed of answer.deliveries) note(request.subscription, claimed);
      return answer;
    });
    const undoClaimAlone = interpose(transport, 'claimAlone', (claimAlone) => async (request) => {
      const claimed = await claimAlone(request);
      if (claimed) note(request.subscription, claimed);
      return claimed;
    });
    this.close = () => {
      undoClaim();
      undoClaimAlone();
    };
  }

  /** How many there have been, each counted once, however often it came. */
  get count(): number {
    return this.all.size;
  }

  /** The one of these that was handed out last. */
  last(which: DeliverySelector & { topic: string }): ClaimedDelivery | undefined {
    return this.find(which).at(-1)?.claimed;
  }

  /** Another message of the same biz-id, for the same group alone. */
  async copy(claimed: ClaimedDelivery): Promise<void> {
    const { database } = this.runtime.brokerConnections;
    const innerMsgId = this.ids.next();
    await this.runtime.brokerConnections.controlTransaction((on) =>
      putCopy(database, on, { innerMsgId, claimed }),
    );
  }

  private find({ topic, group, bizId }: DeliverySelector & { topic: string }): HandedOut[] {
    return [...this.all.values()].filter(
      ({ subscription, claimed }) =>
        topic === subscription.topic &&
        (group === undefined || group === subscription.group) &&
        (bizId === undefined || bizId === claimed.bizId.toString('utf8')),
    );
  }

  /** The same again. @returns how many deliveries there are */
  async redeliver(which: DeliverySelector & { topic: string }): Promise<number> {
    const found = this.find(which);
    if (found.length === 0) {
      const { topic, group = 'any group', bizId = 'any biz-id' } = which;
      throw refusal(
        `Nothing of ${topic} was delivered to this app since the harness was made (${group}, ${bizId}).`,
      );
    }
    // A message that is about to be dropped must be gone before it comes back.
    await this.runtime.broker!.sweep();
    for (const { claimed } of found) await this.putBack(claimed);
    return found.length;
  }

  private async putBack(claimed: ClaimedDelivery): Promise<void> {
    const { database } = this.runtime.brokerConnections;
    await this.runtime.brokerConnections.controlTransaction(async (on) => {
      if (await isStillThere(database, on, claimed)) {
        const bizId = claimed.bizId.toString('utf8');
        throw refusal(
          `${bizId} can't be redelivered: its delivery is not through. Call drain() first; a dead letter is for requeue().`,
        );
      }
      if (!this.runtime.transport.colocated) return putBack(database, on, claimed);
      // There its delivery goes with the COMMIT: one that were still there would prove that the transaction was torn.
      await putCopy(database, on, { innerMsgId: this.ids.next(), claimed });
    });
  }
}

function refusal(message: string): AssertionError {
  return new AssertionError({ message, operator: 'redeliver' });
}
