import { Subject } from 'rxjs';
import type { StageEvent } from './reporter.js';
import type { SystemProcess } from './system-process.js';

/** "card-issuing" and "sms". */
const GROUPS = 2;

/**
 * What an engine has handed out, to whom, and what was ACKed. An engine in the broker's place tells a handler nothing of
 * earlier hand-outs, and can't be asked what it has: whoever hears all systems knows.
 */
export class HandOuts {
  /** A message was handed out again though its ACK had been sent: that was lost on its way. */
  readonly ackLost$ = new Subject<void>();
  /** When a group was last heard of, as `performance.now()` has it. */
  heardAt = 0;
  private readonly landed = new Set<string>();
  /** Those may travel twice, and come again although no ACK was lost. */
  private readonly resent = new Set<string>();
  private readonly handedOut = new Set<string>();
  /** How many ACKs went to the engine: what travels twice is ACKed twice, and one of the two may be refused. */
  private readonly acks = new Map<string, number>();
  /** Of each process, the deliveries that were somebody's before, by what its events say of them. */
  private readonly repeats = new WeakMap<SystemProcess, Set<string>>();

  /** How many (message, group) have not been ACKed, of the messages that have landed. */
  get open(): number {
    const done = [...this.acks.values()].filter((acks) => acks > 0).length;
    return Math.max(0, GROUPS * this.landed.size - done);
  }

  /** Messages that the engine says it has. A relay that was cut off or killed hears of them when it sends them again. */
  get landedCount(): number {
    return this.landed.size;
  }

  /** @returns what others are to hear of it: nothing of what is said for this class alone */
  see(who: SystemProcess, event: StageEvent): StageEvent | undefined {
    if ('group' in event) this.heardAt = performance.now();
    switch (event.type) {
      case 'landed':
      case 'resend-absorbed':
        this.landed.add(event.innerMsgId);
        return event;
      case 'sent':
        if (event.sends > 1) this.resent.add(event.innerMsgId);
        return event;
      case 'handed-out':
        this.handOut(who, event);
        return undefined;
      case 'ack-5-sent':
        this.count(nameOf(event), 1);
        return undefined;
      case 'ack-5-refused':
        this.count(nameOf(event), -1);
        return undefined;
      case 'delivered':
        return { ...event, redelivered: event.redelivered || this.isRepeat(who, event) };
      default:
        return event;
    }
  }

  private handOut(who: SystemProcess, event: { group: string; bizId: string; innerMsgId: string }): void {
    const name = nameOf(event);
    if ((this.acks.get(name) ?? 0) > 0 && !this.resent.has(event.innerMsgId)) this.ackLost$.next();
    const repeats = this.repeats.get(who) ?? new Set();
    this.repeats.set(who, repeats);
    if (this.handedOut.has(name)) repeats.add(deliveryOf(event));
    else repeats.delete(deliveryOf(event));
    this.handedOut.add(name);
  }

  private count(name: string, more: number): void {
    this.acks.set(name, (this.acks.get(name) ?? 0) + more);
  }

  private isRepeat(who: SystemProcess, event: { group: string; bizId: string }): boolean {
    return this.repeats.get(who)?.has(deliveryOf(event)) ?? false;
  }
}

function nameOf({ group, innerMsgId }: { group: string; innerMsgId: string }): string {
  return `${group} ${innerMsgId}`;
}

function deliveryOf({ group, bizId }: { group: string; bizId: string }): string {
  return `${group} ${bizId}`;
}
