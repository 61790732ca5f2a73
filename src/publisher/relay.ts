import { describeError, describeValue } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import type { LeasedRow } from '../storage/index.js';
import { inCleanContext } from '../transaction/index.js';
import type { GuardedTracing } from '../tracing/index.js';
import type { Acceptance, SendAnswer, Transport } from '../transport/port.js';
import { type BackoffOptions, Loops, PollPace, type Pulse, WakeUp, backoffMs } from '../waiting/index.js';
import { type Patience, answerWithin } from './answer-within.js';
import type { OutboxClaim, OutboxClaims } from './outbox-claims.js';
import { Shipments } from './shipments.js';
import { TracedShipment } from './traced-shipment.js';

export interface RelayOptions {
  /** Most messages of one shipment. */
  batch: number;
  /** How long to wait for ACK 3 before the shipment counts as unanswered, in milliseconds. */
  ackTimeoutMs: number;
  /** Wait before a message is sent again, in milliseconds: doubling from the first to the longest. */
  retry: BackoffOptions;
  /** How often an idle relay looks, in milliseconds. */
  pollMs: number;
  tracing?: GuardedTracing | undefined;
}

interface Known {
  acceptance: Acceptance;
  askedAt: number;
}

/** Settled: a failure of the broker is told from one of the own database by where it is waited for. */
interface Asked {
  said: Promise<Acceptance>;
}

const MAX_ERROR_PAUSE_MS = 5_000;
const GIVING_BACK_MS = 500;
/**
 * For so long a relay goes by what the broker said when it was asked, if nobody else has claimed since: then the broker
 * would say the same of the outbox, and of its clock nothing that matters. Milliseconds.
 */
const KNOWN_MS = 200;
/** Beside the wait for the ACK: claiming and deleting take their time too. Milliseconds. */
const LEASE_MARGIN_MS = 15_000;

/**
 * Steps 1 and 3 where the broker has a database of its own: sends what is in the outbox, waits for the ACK, and sends the
 * same again under the same inner-msg-id until it comes. Any number of relays may run.
 */
export class Relay {
  private loop: Promise<void> | undefined;
  private readonly stopped = new AbortController();
  /** Ends the wait for an ACK. */
  private readonly impatient = new AbortController();
  private stopListening: (() => void) | undefined;
  private readonly wake = new WakeUp();
  private readonly pace: PollPace;
  /** What the broker said when it was last asked, with what it has been told since. */
  private known: Known | undefined;
  private asking: Promise<Asked> | undefined;
  /** Why what it had to do with the broker last has failed. */
  private brokerFailure: { error: unknown } | undefined;

  constructor(
    private readonly claims: OutboxClaims,
    private readonly transport: Pick<Transport, 'send' | 'acceptance'>,
    private readonly events: IdempotentMqEvents,
    private readonly options: RelayOptions,
    private readonly onCommitted: (listener: () => void) => () => void,
    private readonly loops = new Loops(),
  ) {
    this.pace = new PollPace(options.pollMs);
  }

  /** May be called again. */
  start(): void {
    if (this.loop || this.stopped.signal.aborted) return;
    this.stopListening = this.onCommitted(() => this.wake.ring());
    inCleanContext(() => {
      const { pulse, end } = this.loops.begin({ kind: 'relay' });
      this.loop = this.run(pulse).finally(end);
    });
  }

  get isRunning(): boolean {
    return this.loop !== undefined && !this.stopped.signal.aborted;
  }

  /**
   * Sends nothing more, and waits for the ACK of what is under way, no longer than `timeoutMs`: another relay sends it
   * again then. May be called again, and before the start.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.stopped.abort();
    this.stopListening?.();
    this.wake.ring();
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.impatient.abort();
        // To give back what it has is worth a moment. A database that is frozen is not waited for.
        timer = setTimeout(resolve, GIVING_BACK_MS);
      }, timeoutMs);
    });
    await Promise.race([this.loop, enough]);
    clearTimeout(timer);
  }

  /**
   * Sends once what there is.
   *
   * @param expecting something was committed just now: the broker is asked while the outbox is looked at
   * @returns how many messages left the outbox; undefined when there was nothing to send
   */
  async relayOnce({ expecting = false } = {}): Promise<number | undefined> {
    const known = expecting ? this.stillKnown() : undefined;
    const relayed = known && (await this.claimAndSend(known, { ifUntouched: true }));
    if (relayed !== undefined) return relayed;
    const asked = expecting && !known ? this.askBroker() : undefined;
    // Of no interest where there turns out to be nothing.
    asked?.catch(() => undefined);
    if (!(await this.claims.poll())) return undefined;
    const { said } = await (asked ?? this.askBroker());
    return this.claimAndSend(await this.fromBroker(() => said), { ifUntouched: false });
  }

  /** One question at a time: a broker that hangs is not asked once more by each bell. */
  private askBroker(): Promise<Asked> {
    return (this.asking ??= this.ask().finally(() => (this.asking = undefined)));
  }

  private async ask(): Promise<Asked> {
    this.known = undefined;
    const origin = await this.claims.origin();
    const askedAt = performance.now();
    const said = this.acceptance(origin);
    await said.then(
      (acceptance) => (this.known = { acceptance, askedAt }),
      () => undefined,
    );
    return { said };
  }

  /** A broker that never answers must hold up neither the loop nor the shutdown. */
  private acceptance(origin: Buffer): Promise<Acceptance> {
    return answerWithin('answer', this.transport.acceptance(origin), this.patience);
  }

  private stillKnown(): Acceptance | undefined {
    const { known } = this;
    return known && performance.now() - known.askedAt < KNOWN_MS ? known.acceptance : undefined;
  }

  private async claimAndSend(
    acceptance: Acceptance,
    { ifUntouched }: { ifUntouched: boolean },
  ): Promise<number | undefined> {
    const { batch: limit, ackTimeoutMs } = this.options;
    const leaseMs = ackTimeoutMs + LEASE_MARGIN_MS;
    // From before the claim on: the lease ends no sooner.
    const sendUntil = performance.now() + LEASE_MARGIN_MS;
    const claim = await this.claims.claim(acceptance, { limit, leaseMs, ifUntouched });
    return claim && this.send(claim, sendUntil);
  }

  private get patience(): Patience {
    return { ms: this.options.ackTimeoutMs, signal: this.impatient.signal };
  }

  private async fromBroker<T>(ask: () => Promise<T>): Promise<T> {
    try {
      const value = await ask();
      this.brokerFailure = undefined;
      return value;
    } catch (error) {
      this.brokerFailure = { error };
      this.known = undefined;
      throw error;
    }
  }

  private async run(pulse: Pulse): Promise<void> {
    let errors = 0;
    let expecting = false;
    let rang = false;
    while (!this.stopped.signal.aborted) {
      try {
        const isIdle = (await this.relayOnce({ expecting })) === undefined;
        pulse.turned();
        if (!isIdle && !rang) this.pace.foundUnasked();
        expecting = false;
        // To have nothing to send says nothing about a broker that has failed: what it did not take waits for its turn.
        if (errors > 0 && !this.brokerFailure) {
          this.events.emit({ type: 'relay-recovered' });
          errors = 0;
        }
        if (isIdle) expecting = rang = await this.wake.wait(this.pace.next());
      } catch (error) {
        expecting = false;
        // What was cut off by a shutdown is in the outbox.
        if (this.stopped.signal.aborted) return;
        errors++;
        const at = error === this.brokerFailure?.error ? 'broker' : 'outbox';
        const why = describeError(error);
        pulse.failed(why);
        this.events.emit({ type: 'relay-error', at, error: why });
        await this.wake.wait(Math.min(MAX_ERROR_PAUSE_MS, this.options.pollMs * 2 ** Math.min(errors, 10)));
      }
    }
  }

  /** One shipment after the other, until its lease may end, or the process. What was not sent is handed back. */
  private async send(claim: OutboxClaim, sendUntil: number): Promise<number> {
    const shipments = new Shipments(claim.rows);
    let relayed = 0;
    try {
      for (let rows = shipments.next(); rows; rows = this.maySend(sendUntil) ? shipments.next() : undefined) {
        try {
          relayed += await this.ship(claim, rows);
        } catch (error) {
          // It may be this shipment, or the broker: that would be the end of the round.
          if (!this.brokerFailure || !(await this.brokerAnswers(claim))) throw error;
          shipments.failed();
        }
      }
    } catch (error) {
      await this.claims.handBack(claim, shipments.left);
      throw error;
    }
    await this.claims.handBack(claim, shipments.left);
    return relayed;
  }

  private async brokerAnswers({ origin }: OutboxClaim): Promise<boolean> {
    const failure = this.brokerFailure;
    try {
      await this.fromBroker(() => this.acceptance(origin));
      return true;
    } catch {
      // The shipment's own error says more.
      this.brokerFailure = failure;
      return false;
    }
  }

  private maySend(until: number): boolean {
    return performance.now() < until && !this.stopped.signal.aborted;
  }

  private async ship(claim: OutboxClaim, rows: readonly LeasedRow[]): Promise<number> {
    const { origin, claims } = claim;
    if (this.events.wants('sent')) {
      for (const row of rows) this.events.emit({ type: 'sent', sends: row.sends, ...aboutMessage(row) });
    }
    const { tracing } = this.options;
    const traced = tracing && new TracedShipment(tracing, rows);
    let answers: SendAnswer[];
    try {
      const shipment = { origin, claims, messages: rows };
      answers = await this.fromBroker(async () =>
        answersFor(rows, await answerWithin('ACK', this.transport.send(shipment), this.patience)),
      );
    } catch (error) {
      traced?.unanswered(error);
      // Nobody knows what became of it. The same ids again are no second message.
      await this.sendAgain(claim, rows, error);
      throw error;
    }
    traced?.answered(answers);
    // With what it lands, the broker notes how far this outbox has come.
    if (this.known) this.known.acceptance = { ...this.known.acceptance, knownClaims: claims };
    const acknowledged = rows.filter((_, i) => isAck(answers[i]));
    const relayed = await this.claims.acknowledged(claim, acknowledged);
    if (relayed > 0 && this.events.wants('relayed')) this.events.emit({ type: 'relayed', count: relayed });
    for (const [i, row] of rows.entries()) {
      if (!isAck(answers[i])) await this.keepRefused(claim, row, answers[i]!);
    }
    return relayed;
  }

  private async keepRefused(claim: OutboxClaim, row: LeasedRow, answer: SendAnswer): Promise<void> {
    const error = answer.kind === 'refused' ? answer.reason : notUnderstood(answer);
    this.events.emit({ type: 'refused', error, ...aboutMessage(row) });
    await this.claims.postpone(claim, [row], backoffMs(row.sends, this.options.retry));
  }

  private async sendAgain(claim: OutboxClaim, rows: readonly LeasedRow[], error: unknown): Promise<void> {
    const delayMs = backoffMs(Math.min(...rows.map(({ sends }) => sends)), this.options.retry);
    const why = describeError(error);
    for (const row of rows)
      this.events.emit({ type: 'ack-missed', sends: row.sends, delayMs, error: why, ...aboutMessage(row) });
    await this.claims.postpone(claim, rows, delayMs);
  }
}

/** What the broker may say that ends its sender's care for a message. Whatever else comes does not. */
const ACKS: readonly unknown[] = ['landed', 'duplicate', 'quarantined'] satisfies SendAnswer['kind'][];

function isAck(answer: SendAnswer | undefined): boolean {
  return ACKS.includes(answer?.kind);
}

/** @throws Error where it is no list of one answer for each message: which of them is meant, nobody knows */
function answersFor(rows: readonly LeasedRow[], came: unknown): SendAnswer[] {
  const isList = Array.isArray(came) && came.every((answer) => typeof answer === 'object' && answer !== null);
  if (isList && came.length === rows.length) return came as SendAnswer[];
  throw new Error(
    `The broker answered ${rows.length} messages with ${Array.isArray(came) ? `a list of ${came.length}` : describeValue(came)}: no list of an answer for each.`,
  );
}

function notUnderstood(answer: SendAnswer): string {
  return `The broker's answer is none that this version knows: ${describeValue(answer.kind)}.`;
}

function aboutMessage({ topic, bizId, innerMsgId }: LeasedRow) {
  return { topic, bizId: bizId.toString('utf8'), innerMsgId: innerMsgId.toString('hex') };
}
