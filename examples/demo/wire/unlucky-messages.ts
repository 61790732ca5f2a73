import { Subject } from 'rxjs';
import type { StageEvent } from '../stage/reporter.js';
import { type HttpMessage, isOk } from './http-messages.js';
import type { Fate, Fates } from './line.js';

interface SentMessage {
  bizId: string;
  innerMsgId: string;
}

interface Lease {
  subscription: number;
  seq: number;
  token: string;
}

/** With what is to be told when it has happened. */
interface ToldFate extends Fate {
  /** Empty when it has been told of before. */
  events: readonly StageEvent[];
}

/** The messages that lose both ACKs, whatever chance says: the first ACK 3, and ACK 5 for as long as a lease. */
export class UnluckyMessages implements Fates {
  readonly events$ = new Subject<StageEvent>();
  private readonly cardIssuing = new Set<number>();
  private readonly lostAck3 = new Set<string>();
  private readonly lostAck5 = new Set<string>();
  /** Deliveries of unlucky ones, and whose they are. */
  private readonly doomed = new Map<string, string>();

  constructor(private readonly isUnlucky: (bizId: string) => boolean) {}

  fateOf(operation: string, { body }: HttpMessage): ToldFate | undefined {
    if (operation === 'send') return this.fateOfShipment(parse<{ messages: SentMessage[] }>(body).messages);
    if (operation === 'acknowledge') return this.fateOfAcks(parse<{ leases: Lease[] }>(body).leases);
    return undefined;
  }

  befell({ events }: ToldFate): void {
    for (const event of events) {
      if (event.type === 'ack-3-dropped') this.lostAck3.add(event.bizId);
      if (event.type === 'ack-5-dropped') this.lostAck5.add(event.bizId);
      this.events$.next(event);
    }
  }

  /** From what passes by: an ACK names a delivery only by its numbers. */
  learn(operation: string, request: HttpMessage, answer: HttpMessage): void {
    if (!isOk(answer)) return;
    if (operation === 'subscribe' && parse<{ group: string }>(request.body).group === 'card-issuing') {
      this.cardIssuing.add(parse<{ subscription: number }>(answer.body).subscription);
    }
    if (operation !== 'claim') return;
    for (const delivery of parse<{ deliveries: (Lease & { bizId: string })[] }>(answer.body).deliveries) {
      const { bizId, subscription } = delivery;
      if (!this.cardIssuing.has(subscription) || !this.isUnlucky(bizId) || this.lostAck5.has(bizId)) continue;
      this.doomed.set(nameOf(delivery), bizId);
    }
  }

  private fateOfShipment(messages: readonly SentMessage[]): ToldFate | undefined {
    const those = messages.filter(({ bizId }) => this.isUnlucky(bizId) && !this.lostAck3.has(bizId));
    if (those.length === 0) return undefined;
    const events = those.map(({ bizId, innerMsgId }) => ({
      type: 'ack-3-dropped' as const,
      bizId,
      innerMsgId,
    }));
    return { fault: 'ack-3-lost', isRepeat: false, events };
  }

  private fateOfAcks(leases: readonly Lease[]): ToldFate | undefined {
    const those = leases.flatMap((lease) => this.doomed.get(nameOf(lease)) ?? []);
    if (those.length === 0) return undefined;
    const events = those
      .filter((bizId) => !this.lostAck5.has(bizId))
      .map((bizId) => ({ type: 'ack-5-dropped' as const, bizId }));
    return { fault: 'ack-5-lost', isRepeat: events.length === 0, events };
  }
}

function parse<T>(body: Buffer): T {
  return JSON.parse(body.toString('utf8')) as T;
}

function nameOf({ subscription, seq, token }: Lease): string {
  return `${subscription} ${seq} ${token}`;
}
