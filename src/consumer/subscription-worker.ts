import { randomBytes } from 'node:crypto';
import { ShuttingDownError, describeError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import { inCleanContext } from '../transaction/index.js';
import type { ClaimedDelivery, Subscription, Suspect, Transport } from '../transport/port.js';
import { ClaimCursor, Loops, PollPace, type Pulse, WakeUp } from '../waiting/index.js';
import type { ResolvedBatchOptions } from './batch/batch-options.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { DeliveryProcessor } from './delivery-processor.js';
import { HeldDelivery } from './held-delivery.js';
import type { IsolationGate } from './isolation-gate.js';
import { KeyRounds } from './key-rounds.js';
import { LeaseKeeper } from './lease-keeper.js';
import { nextSlice, worthWaitingMs } from './slice/next-slice.js';

export interface WorkerOptions {
  /** How often an idle worker asks the broker, in milliseconds. */
  pollMs: number;
  /** The same where messages of other processes come. */
  busyPollMs: number;
  /** Leases lost alone after which a delivery goes to the dead letters. */
  maxLostLeases: number;
  /** How many deliveries may wait behind the running ones, as a multiple of the concurrency. */
  prefetch: number;
  /** Hears of what an operator should know of and no event tells. */
  warn: (message: string) => void;
  /** Where it is told that the worker still goes round. */
  loops?: Loops;
}

/** What keeps a worker from its work: it can't claim or tell the broker, or its handlers can't be run. */
type Trouble = 'broker' | 'handlers';

const MAX_ERROR_PAUSE_MS = 5_000;
/** Handlers slower than this don't get deliveries to wait behind them, which another process could run. Milliseconds. */
const FAST_HANDLER_MS = 500;
/** Biz-ids in a line of the log. */
const SHOWN = 20;
/** Suspects that run alone before the others get their turn again. */
const SUSPECTS_A_TURN = 20;
/** Deliveries of one claim, whose bodies are in memory together. */
const MAX_CLAIM = 1_000;

/** What came of a claim. */
interface Claimed {
  some: boolean;
  mayBeMore: boolean;
}

const NOTHING: Claimed = { some: false, mayBeMore: false };

/** Step 4 as the receiver sees it: claims deliveries of one subscription, runs its handler, keeps the leases. */
export class SubscriptionWorker {
  private readonly queue: HeldDelivery[] = [];
  private readonly leases: LeaseKeeper;
  private readonly wake = new WakeUp();
  private readonly pace: PollPace;
  private readonly running = new Set<Promise<void>>();
  /** Deliveries that these have. */
  private handled = 0;
  /** Until what is in the queue has waited for more for long enough. */
  private filling: NodeJS.Timeout | undefined;
  private isolating: Promise<void> | undefined;
  private loop: Promise<void> | undefined;
  /** Ends every wait for the other workers of the process. */
  private readonly stopped = new AbortController();
  private stopListening: (() => void) | undefined;
  private readonly troubles = new Set<Trouble>();
  private readonly cursor = new ClaimCursor();
  private readonly keys = new KeyRounds();
  /** A moving average. It begins as if slow: nothing is hoarded before a handler has shown that it is fast. */
  private handlerMs = FAST_HANDLER_MS;
  /** The group has a limit, so what would wait here takes a place from another process. */
  private limited = false;
  /** Nothing is claimed until a handler has ended. */
  private waitsForRoom = false;
  private toldRemoved = false;
  /** The last claim met the limit. */
  private heldBack = false;

  constructor(
    private readonly subscription: Subscription,
    private readonly consumer: DiscoveredConsumer,
    private readonly transport: Transport,
    private readonly processor: DeliveryProcessor,
    private readonly gate: IsolationGate,
    private readonly events: IdempotentMqEvents,
    private readonly options: WorkerOptions,
  ) {
    this.pace = new PollPace(options.pollMs, options.busyPollMs);
    this.leases = new LeaseKeeper(transport, subscription, consumer.settings.leaseMs);
  }

  start(): void {
    if (this.loop) return;
    this.stopListening = this.transport.onLanded(this.subscription.topic, (keyed) => {
      if (keyed) this.keys.begin();
      // One more in a backlog that waits for the limit is no reason to ask: each publish would be a claim in vain.
      if (!this.heldBack) this.wake.ring();
    });
    // Handlers never inherit the context of whoever started the app, or of a publisher that rang the bell.
    inCleanContext(() => {
      this.leases.start();
      const { loops = new Loops() } = this.options;
      const { pulse, end } = loops.begin({ kind: 'worker', ...this.names() });
      this.loop = this.run(pulse).finally(end);
    });
  }

  /**
   * Claims nothing more, gives back what has not begun, tells the running handlers to stop, waits for them, and gives
   * back those that don't. Nothing of it costs a delivery an attempt.
   */
  async stop(timeoutMs: number): Promise<void> {
    if (this.stopping || !this.loop) return;
    const reason = new ShuttingDownError();
    this.stopped.abort(reason);
    this.stopListening?.();
    this.wake.ring();
    clearTimeout(this.filling);
    for (const held of this.leases.held) held.abort('shutdown', reason);
    const force = setTimeout(() => {
      this.warnOfThoseThatGoOn(timeoutMs);
      for (const held of this.leases.held) held.abandon?.(reason);
    }, timeoutMs);
    await this.giveBackQueued();
    await this.loop;
    // A claim may have been under way.
    await this.giveBackQueued();
    await Promise.allSettled([...this.running, this.isolating]);
    clearTimeout(force);
    await this.leases.stop(timeoutMs);
  }

  private get stopping(): boolean {
    return this.stopped.signal.aborted;
  }

  private async run(pulse: Pulse): Promise<void> {
    let errors = 0;
    let eager = true;
    let rang = false;
    while (!this.stopping) {
      try {
        const more = await this.step({ eager, rang }, pulse);
        pulse.turned();
        if (more) {
          eager = true;
        } else {
          eager = rang = await this.wake.wait(this.pace.next());
        }
        this.recovered('broker');
        errors = 0;
      } catch (error) {
        errors++;
        pulse.failed(describeError(error));
        this.failing('broker', error);
        await this.wake.wait(Math.min(MAX_ERROR_PAUSE_MS, this.options.pollMs * 2 ** Math.min(errors, 10)));
        eager = false;
      }
    }
  }

  /**
   * @param eager whether it claims without a look whether that is worth it
   * @param rang whether something in this process has called for it
   * @returns whether another step is worth taking at once
   */
  private async step({ eager, rang }: { eager: boolean; rang: boolean }, pulse: Pulse): Promise<boolean> {
    const goOn = pulse.pause();
    await this.gate.whenOpen(this.stopped.signal);
    goOn();
    this.waitsForRoom = this.room() === 0;
    if (this.stopping || this.waitsForRoom) return false;
    const leave = this.gate.enter();
    this.heldBack = false;
    let failed = true;
    try {
      const lookedBack = this.cursor.lookBackIfDue();
      const worthIt = (!lookedBack && eager) || (await this.poll());
      // Less by now, where the group has got a limit.
      const room = this.room();
      const claimed = worthIt && room > 0 ? await this.claim(Math.min(room, MAX_CLAIM)) : NOTHING;
      if (claimed.some && !rang) this.pace.foundUnasked();
      failed = false;
      return claimed.mayBeMore;
    } finally {
      this.cursor.stepIsOver({ failed });
      leave();
    }
  }

  /** @returns whether a claim is worth trying */
  private async poll(): Promise<boolean> {
    const { cursor, keys } = this;
    const { claimable, keyed, broughtBack, limited, removed } = await this.transport.poll(
      this.subscription,
      cursor.after,
    );
    if (removed) this.tellRemoved();
    this.limited = limited;
    if (!claimable) cursor.nothingBehind();
    // What comes back keeps its old number.
    if (broughtBack !== undefined) cursor.backTo(broughtBack);
    if (keyed) keys.beginIfRested();
    return claimable || keys.search !== undefined;
  }

  private async claim(limit: number): Promise<Claimed> {
    const { subscription, cursor } = this;
    const { leaseMs } = this.consumer.settings;
    const claimId = newClaimId();
    const keys = this.keys.search;
    const askedAt = performance.now();
    const { after } = cursor;
    const answer = await this.transport.claim({ subscription, claimId, after, limit, leaseMs, keys });
    const foundSome = answer.deliveries.some(({ orderingKey }) => orderingKey);
    if (keys && answer.keys) this.keys.goOn(keys, answer.keys, foundSome);
    this.heldBack = answer.heldBack;
    if (answer.lastSeen !== undefined) cursor.moveTo(answer.lastSeen);
    for (const claimed of answer.deliveries) this.take(claimed, askedAt);
    this.runNext();
    if (answer.suspects.length > 0) this.isolate(answer.suspects);
    const some = answer.deliveries.length > 0;
    if (answer.heldBack) return { some, mayBeMore: false };
    if (this.keys.search !== undefined) return { some, mayBeMore: true };
    // Where keys had half of the room, it may have been too little for the others.
    const wasRoom = !keys && answer.deliveries.length + answer.suspects.length < limit;
    return { some, mayBeMore: !wasRoom && some && answer.lastSeen !== undefined };
  }

  private take(claimed: ClaimedDelivery, askedAt: number): void {
    const held = new HeldDelivery(claimed, askedAt);
    this.leases.hold(held, this.gate.enter());
    this.queue.push(held);
  }

  private runNext(): void {
    const { concurrency, perTransaction, batch } = this.consumer.settings;
    while (!this.stopping && this.running.size < concurrency && this.queue.length > 0) {
      if (batch && this.isFilling(batch)) return;
      const freePlaces = concurrency - this.running.size;
      const slice = batch
        ? nextSlice(this.queue, { max: batch.max, freePlaces: 1, ofAnyKind: true })
        : nextSlice(this.queue, { max: perTransaction, freePlaces, ofAnyKind: false });
      const work = this.runSlice(slice);
      this.running.add(work);
      this.handled += slice.length;
      void work.finally(() => {
        this.running.delete(work);
        this.handled -= slice.length;
        // What comes next of its key may be had now.
        if (slice.some(({ claimed }) => claimed.orderingKey)) this.keys.begin();
        this.runNext();
        if (this.room() > 0 && slice.some((held) => this.mayHaveMore(held))) this.wake.ring();
      });
    }
  }

  /** Whether what is there waits for more. */
  private isFilling({ max, waitMs }: ResolvedBatchOptions): boolean {
    clearTimeout(this.filling);
    const ms = worthWaitingMs(this.queue, { max, waitMs, ofAnyKind: true });
    if (ms > 0) this.filling = setTimeout(() => this.runNext(), Math.ceil(ms));
    return ms > 0;
  }

  /** One delivery, or several that are run together. */
  private async runSlice(slice: readonly HeldDelivery[]): Promise<void> {
    const begun = performance.now();
    try {
      await Promise.all(slice.map((held) => this.renewIfLate(held)));
      const still = slice.filter(({ abortedBy }) => abortedBy !== 'lease-lost');
      if (still.length === 0) return;
      const options = {
        stopping: this.stopped.signal,
        onNotRun: (error: unknown, about: { handler: string; bizId: string }) =>
          this.failing('handlers', error, about),
      };
      const wasRun =
        still.length === 1
          ? await this.processor.process(still[0]!, options)
          : await this.processor.processSlice(still, options);
      if (wasRun) this.recovered('handlers');
    } catch (error) {
      // The broker couldn't be told. The lease runs out, and the delivery comes again.
      this.failing('broker', error);
    } finally {
      for (const held of slice) this.leases.release(held);
      const each = (performance.now() - begun) / slice.length;
      this.handlerMs = 0.8 * this.handlerMs + 0.2 * each;
    }
  }

  private async renewIfLate(held: HeldDelivery): Promise<void> {
    const { leaseMs } = this.consumer.settings;
    if (!this.transport.colocated && held.isLeaseOver(leaseMs)) await this.leases.renewLate(held);
  }

  /** Whether the end of this one is a reason to claim: else the last claim has left nothing, and what lands rings. */
  private mayHaveMore({ claimed }: HeldDelivery): boolean {
    return this.waitsForRoom || this.limited || this.heldBack || claimed.orderingKey !== undefined;
  }

  private async giveBackQueued(): Promise<void> {
    const giveBack = async (held: HeldDelivery) => {
      try {
        await this.processor.giveBack(held, 'shutdown', 0, this.stopped.signal);
      } finally {
        this.leases.release(held);
      }
    };
    await Promise.allSettled(this.queue.splice(0).map(giveBack));
  }

  /** Runs deliveries that once lost their lease, each while this process does nothing else. */
  private isolate(suspects: readonly Suspect[]): void {
    if (this.isolating || this.stopping) return;
    this.isolating = this.gate
      .runAlone(async () => {
        for (const suspect of suspects.slice(0, SUSPECTS_A_TURN)) {
          if (!this.stopping) await this.runAlone(suspect);
        }
      }, this.stopped.signal)
      .catch((error: unknown) => this.failing('broker', error))
      .finally(() => {
        this.isolating = undefined;
        // Others of them may be waiting below the cursor.
        this.cursor.startOver();
        this.wake.ring();
      });
  }

  private async runAlone(suspect: Suspect): Promise<void> {
    const { subscription } = this;
    const { leaseMs } = this.consumer.settings;
    const claimId = newClaimId();
    const askedAt = performance.now();
    const claimed = await this.transport.claimAlone({ subscription, claimId, ...suspect, leaseMs });
    if (!claimed) return;
    const held = new HeldDelivery(claimed, askedAt);
    this.leases.hold(held, () => undefined);
    if (held.leasesLostAlone >= this.options.maxLostLeases) {
      // Released in any case: a lease that is renewed for ever keeps everybody from it.
      await this.processor.giveUpOn(held).finally(() => this.leases.release(held));
    } else {
      await this.runSlice([held]);
    }
  }

  /** How many more deliveries this worker may hold. */
  private room(): number {
    const { concurrency, perTransaction, batch } = this.consumer.settings;
    const isFast = !this.limited && this.handlerMs < FAST_HANDLER_MS;
    // A batch is asked for, however long it takes, and there is enough in it that no other waits behind it.
    const together = batch?.max ?? (isFast ? perTransaction : 1);
    const capacity = concurrency * together;
    const ahead = isFast && !batch ? capacity * this.options.prefetch : 0;
    const free = Math.max(0, capacity + ahead - this.queue.length - this.handled);
    // Not one at a time: a claim costs as much for one delivery as for many.
    return ahead === 0 || free >= capacity ? free : 0;
  }

  /** Each time; what follows is one `worker-recovered`, when all of it is over. */
  private failing(trouble: Trouble, error: unknown, about: { handler?: string; bizId?: string } = {}): void {
    this.troubles.add(trouble);
    this.events.emit({ type: 'worker-error', ...this.names(), ...about, error: describeError(error) });
  }

  /** Once: a worker of an old version may well go on for as long as its process is to live. */
  private tellRemoved(): void {
    if (this.toldRemoved) return;
    this.toldRemoved = true;
    const error = 'The group was removed from the topic, so this process is given nothing for it any more.';
    this.events.emit({ type: 'worker-error', ...this.names(), error });
  }

  private recovered(trouble: Trouble): void {
    if (!this.troubles.delete(trouble) || this.troubles.size > 0) return;
    this.events.emit({ type: 'worker-recovered', ...this.names() });
  }

  private warnOfThoseThatGoOn(timeoutMs: number): void {
    const bizIds = this.leases.held.filter(({ abandon }) => abandon).map(({ bizId }) => bizId);
    if (bizIds.length === 0) return;
    this.options.warn(
      `Shutdown: ${this.consumer.name} did not end within ${timeoutMs} ms (option shutdownTimeoutMs) for ${someOf(bizIds)}. ` +
        'Given up and given back: it comes again.',
    );
  }

  private names() {
    const { topic, group } = this.subscription;
    return { topic, group };
  }
}

function someOf(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** 16 bytes: the lease token. */
function newClaimId(): Buffer {
  return randomBytes(16);
}
