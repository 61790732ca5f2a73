import type { ClaimedDelivery, SentMessage } from '../../../src/transport/port.js';
import { DAY_MS } from '../../relay/parts.js';
import type { Consumed } from './library.js';

export const RETENTION = { dedupMs: 10 * DAY_MS, slackMs: DAY_MS, executors: {} };

type State = 'open' | 'ready' | 'leased' | 'waiting' | 'dead' | 'quarantined' | 'over';

/** A message, and where it is for all that its business can know. Times are in milliseconds since the schedule began. */
export interface Message {
  readonly sent: SentMessage;
  readonly bizId: string;
  /** Its number, as soon as it has been delivered once. */
  seq?: number;
  state: State;
  /** By then it is written, and nobody sees it before its transaction commits. */
  landedMs: number;
  /** Nobody could know of it in time. */
  wasHiddenTooLong: boolean;
  /** When it comes again: its lease is over, or its time has come. */
  dueMs: number;
  deadMs: number;
}

/**
 * What the business was promised, which knows nothing of marks and lists: each message is delivered as long as it is not
 * over, and to nobody else meanwhile; a repeat that lands within the retention has no effect of its own; and nothing that
 * was there for all to see in time is too old to be judged.
 */
export class Reference {
  nowMs = 0;
  /** What was done, for whoever has to find out why. */
  readonly log: string[] = [];
  readonly counts = { effects: 0, absorbed: 0, tooOld: 0, forgotten: 0 };
  /** A sweeper has asked, and has not forgotten anything yet. */
  sweeperAsked = false;
  /** In the order in which they came: those that have landed in the order of their numbers. */
  private messages: Message[] = [];
  private readonly effects: { bizId: string; atMs: number }[] = [];

  note(line: string): void {
    this.log.push(`day ${(this.nowMs / DAY_MS).toFixed(1)}: ${line}`);
  }

  /** @throws always: it is not as it was promised */
  fail(what: string): never {
    throw new Error([what, ...this.log].join('\n'));
  }

  wrote(sent: SentMessage, state: 'open' | 'ready' | 'quarantined'): Message {
    const times = { landedMs: this.nowMs, dueMs: 0, deadMs: 0, wasHiddenTooLong: false };
    const message: Message = { sent, bizId: sent.bizId.toString(), state, ...times };
    this.messages.push(message);
    return message;
  }

  /** It was open, or in quarantine, and lands with the time that it has. */
  landed(message: Message): void {
    if (message.state === 'open' && this.nowMs - message.landedMs >= RETENTION.slackMs)
      message.wasHiddenTooLong = true;
    message.state = 'ready';
    this.messages = [...this.messages.filter((other) => other !== message), message];
  }

  those(state: State): Message[] {
    return this.messages.filter((message) => message.state === state);
  }

  /** Newest first, as an operator sees them. */
  dead(): Message[] {
    return this.those('dead')
      .reverse()
      .sort((a, b) => b.deadMs - a.deadMs);
  }

  claimable(): Message[] {
    return this.messages.filter(
      ({ state, dueMs }) =>
        state === 'ready' || ((state === 'leased' || state === 'waiting') && dueMs <= this.nowMs),
    );
  }

  /** A claim brings what can be claimed, in the order of landing, and nothing else. */
  claimed(deliveries: readonly ClaimedDelivery[], limit: number, leaseMs: number): void {
    const expected = new Set(this.claimable().slice(0, limit));
    for (const delivery of deliveries) {
      const message = this.of(delivery);
      message.seq = delivery.seq;
      if (!expected.delete(message))
        this.fail(`${message.bizId} was delivered, and it is ${this.stateOf(message)}`);
      this.move(message, 'leased', leaseMs);
    }
    for (const { bizId } of expected) this.fail(`${bizId} was not delivered`);
  }

  consumed(delivery: ClaimedDelivery, { outcome, ran }: Consumed): void {
    const message = this.of(delivery);
    const { kind } = outcome;
    this.note(
      `${message.bizId}, landed ${days(this.nowMs - message.landedMs)} ago: ${kind}${ran ? ', ran' : ''}`,
    );
    if (kind === 'done' || kind === 'absorbed') message.state = 'over';
    if (kind === 'too-old') this.tooOld(message);
    else if (ran && (kind === 'done' || kind === 'ack-lost')) this.tookEffect(message);
    else if (!ran && (kind === 'absorbed' || kind === 'ack-lost')) this.absorbed(message);
    else this.fail(`${message.bizId}: ${kind} ${String('error' in outcome && outcome.error)}`);
  }

  move(message: Message, state: 'leased' | 'waiting', forMs: number): void {
    message.state = state;
    message.dueMs = this.nowMs + forMs;
  }

  died(message: Message): void {
    message.state = 'dead';
    message.deadMs = this.nowMs;
  }

  of({ innerMsgId }: ClaimedDelivery): Message {
    const found = this.messages.find(({ sent }) => sent.innerMsgId.equals(innerMsgId));
    return found ?? this.fail('something was delivered that nobody has published');
  }

  private tooOld(message: Message): void {
    this.counts.tooOld++;
    if (!message.wasHiddenTooLong) this.fail(`${message.bizId} could have been judged`);
    this.died(message);
  }

  private tookEffect({ bizId, landedMs }: Message): void {
    this.counts.effects++;
    const former = this.effects.find(
      (effect) => effect.bizId === bizId && landedMs <= effect.atMs + RETENTION.dedupMs,
    );
    if (former) {
      const after = days(landedMs - former.atMs);
      this.fail(`${bizId} took effect twice: its repeat landed ${after} after its effect`);
    }
    this.effects.push({ bizId, atMs: this.nowMs });
  }

  private absorbed({ bizId }: Message): void {
    this.counts.absorbed++;
    if (!this.effects.some((effect) => effect.bizId === bizId))
      this.fail(`${bizId} was absorbed without an effect`);
  }

  private stateOf({ state, dueMs }: Message): string {
    return state === 'leased' || state === 'waiting' ? `${state} for ${days(dueMs - this.nowMs)}` : state;
  }
}

export function days(ms: number): string {
  return `${(ms / DAY_MS).toFixed(1)} days`;
}
