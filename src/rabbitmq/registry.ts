import { randomBytes, randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage } from 'amqplib';
import { answered } from '../transport/engine/answered.js';
import { type RabbitmqConnection, closeQuietly } from './connection.js';

/**
 * What is written down: a name of the whole, a queue that takes another one's place, a mark to find one's own end by, and now
 * and then all that holds, for those who come when the server has thrown away what was written first.
 */
type Entry =
  | { kind: 'broker'; id: string }
  | {
      kind: 'queue';
      topic: string;
      group: string;
      keyed: boolean;
      queue: string | null;
      replaces: string | null;
    }
  | { kind: 'mark'; id: string }
  | State;

interface State {
  kind: 'state';
  /** It is what holds before the entry of this number. */
  upTo: number;
  id: string | null;
  queues: [of: string, queue: string][];
}

export interface QueueOf {
  readonly topic: string;
  readonly group: string;
  /** Of the messages with an ordering key, or of the others. */
  readonly keyed: boolean;
}

export interface RegistryDeps {
  reading: RabbitmqConnection;
  /** Another one: when a server runs full it reads nothing more from a connection that has published, not even an ACK. */
  writing: RabbitmqConnection;
  timeoutMs: number;
  warn: (line: string) => void;
}

/** How large the stream may become, and of how many entries one is the state. Its oldest segments are thrown away. */
export interface RegistrySize {
  readonly bytes: number;
  readonly segmentBytes: number;
  readonly stateEvery: number;
}

/** Some 25,000 entries, which are read in a second or two at each connection; and the state is among them many times. */
const SIZE: RegistrySize = { bytes: 8_000_000, segmentBytes: 1_000_000, stateEvery: 1_000 };

/**
 * Which group has which queue, for whoever publishes: RabbitMQ can't be asked which queues are bound. A stream, which
 * everybody reads from its beginning on; its order decides who was first. Whoever must know what others have written before,
 * writes a mark and waits until it comes.
 */
export class Registry {
  private readonly queues = new Map<string, string>();
  private readonly seen = new Map<string, () => void>();
  private id: Buffer | undefined;
  /** The number of the entry that is read next; and of the first that was. */
  private next = 0;
  private first: number | undefined;
  /** All that holds is known: the beginning was read, or a state. */
  private isWhole = false;
  private changedAt = -1;
  private stateAt = 0;
  private reading: Promise<Channel> | undefined;
  private reader: Channel | undefined;
  private knownBy: Promise<Channel> | undefined;

  constructor(
    private readonly name: string,
    private readonly deps: RegistryDeps,
    private readonly size: RegistrySize = SIZE,
  ) {}

  /** Anew where the connection was lost, and from the beginning: it may be another stream by then. */
  read(): Promise<Channel> {
    const reading = (this.reading ??= this.begin());
    reading.catch(() => this.startOver(reading));
    return reading;
  }

  /** By which this broker is known. */
  async identify(): Promise<Buffer> {
    await this.read();
    // The first one that was written counts, so one that is known already needs no end to be found.
    if (!this.id) await this.known();
    if (!this.id) await this.write({ kind: 'broker', id: randomBytes(16).toString('hex') });
    return this.id!;
  }

  /** Resolves when all is known that had been written when this was called. */
  async catchUp(): Promise<void> {
    await this.write({ kind: 'mark', id: randomUUID() });
    if (!this.isWhole) {
      throw this.deps.reading.unreachable(
        new Error(
          `the stream ${this.name} has lost its beginning, and nothing in it says what holds: delete it, start the consumers anew, and tell each outbox (npx nestjs-idempotent-mq broker-replaced)`,
        ),
      );
    }
    // Where it fails, the next one writes it.
    if (this.next - this.stateAt >= this.size.stateEvery) await this.writeState().catch(() => undefined);
  }

  /** The same, once for each time that it is read anew: from then on it is told of what comes. */
  async known(): Promise<void> {
    await this.read();
    const { reading } = this;
    if (this.knownBy === reading) return;
    await this.catchUp();
    this.knownBy = reading;
  }

  /** As far as has been read; undefined also where what holds is not known. */
  queueOf(of: QueueOf): string | undefined {
    return this.isWhole ? this.queues.get(keyOf(of)) : undefined;
  }

  /** Queues of the groups that are subscribed to the topic. */
  queuesOf(topic: string, keyed: boolean): { group: string; queue: string }[] {
    return [...this.queues].flatMap(([key, queue]) => {
      const of = JSON.parse(key) as [string, boolean, string];
      return of[0] === topic && of[1] === keyed ? [{ group: of[2], queue }] : [];
    });
  }

  /** @returns whether nobody else has replaced that one before */
  async replace(of: QueueOf, replaces: string | undefined, queue: string | undefined): Promise<boolean> {
    const { topic, group, keyed } = of;
    await this.write({
      kind: 'queue',
      topic,
      group,
      keyed,
      queue: queue ?? null,
      replaces: replaces ?? null,
    });
    return this.queueOf(of) === queue;
  }

  /** Durable, and read again by this process, when it resolves. */
  private async write(entry: Entry): Promise<void> {
    const reader = await this.read();
    const { reading } = this;
    const { writing, timeoutMs } = this.deps;
    writing.refuseUnready();
    const channel = await writing.confirmChannel();
    const id = randomUUID();
    const back = new Promise<void>((resolve) => this.seen.set(id, resolve));
    try {
      const body = Buffer.from(JSON.stringify(entry));
      channel.sendToQueue(this.name, body, { persistent: true, mandatory: true, messageId: id });
      await answered(channel.waitForConfirms(), timeoutMs);
      await this.comesBack(back);
      // Another one may have begun at the beginning meanwhile, and not be where this one was.
      if (this.reader !== reader || this.reading !== reading) throw new Error('what was read is read anew');
    } catch (error) {
      // A server that was just started may have taken up a reader whom it tells nothing.
      closeQuietly(reader);
      this.startOver(reading);
      throw writing.unreachable(error);
    } finally {
      this.seen.delete(id);
      closeQuietly(channel);
    }
  }

  /** Whoever begins at the beginning is not there at once: that entries come is answer enough. */
  private async comesBack(back: Promise<void>): Promise<void> {
    for (;;) {
      const { next } = this;
      try {
        return await answered(back, this.deps.timeoutMs);
      } catch (error) {
        if (this.next === next) throw error;
      }
    }
  }

  private async writeState(): Promise<void> {
    const { next: upTo, queues, id } = this;
    await this.write({ kind: 'state', upTo, id: id?.toString('hex') ?? null, queues: [...queues] });
  }

  private async begin(): Promise<Channel> {
    const { reading: connection, timeoutMs } = this.deps;
    const isMade = await this.isMade();
    const channel = await connection.channel();
    const { reading } = this;
    channel.on('close', () => this.startOver(reading));
    try {
      await answered(this.follow(channel, isMade), timeoutMs);
      return channel;
    } catch (error) {
      closeQuietly(channel);
      throw connection.unreachable(error);
    }
  }

  /** Asked first, since one that is there may have been made with another size, which a declaration would be refused for. */
  private async isMade(): Promise<boolean> {
    const channel = await this.deps.reading.channel();
    try {
      await answered(channel.checkQueue(this.name), this.deps.timeoutMs);
      return true;
    } catch {
      return false;
    } finally {
      closeQuietly(channel);
    }
  }

  private async follow(channel: Channel, isMade: boolean): Promise<void> {
    const { bytes, segmentBytes } = this.size;
    if (!isMade) {
      await channel.assertQueue(this.name, {
        durable: true,
        arguments: {
          'x-queue-type': 'stream',
          'x-max-length-bytes': bytes,
          'x-stream-max-segment-size-bytes': segmentBytes,
        },
      });
    }
    await channel.prefetch(200);
    this.forgetAll();
    this.reader = channel;
    const onEntry = (message: ConsumeMessage | null) =>
      message ? this.take(channel, message) : this.endOf(channel);
    await channel.consume(this.name, onEntry, { arguments: { 'x-stream-offset': 'first' } });
  }

  private startOver(reading: Promise<Channel> | undefined): void {
    if (this.reading !== reading) return;
    this.reading = undefined;
    // It may be another stream when it is read again.
    this.forgetAll();
  }

  private take(channel: Channel, message: ConsumeMessage): void {
    // Of a connection that was given up, something may still come.
    if (channel !== this.reader) return;
    channel.ack(message);
    const offset = Number((message.properties.headers as Record<string, unknown>)['x-stream-offset']);
    // A stream may begin a little before what was asked for.
    if (offset < this.next) return;
    this.first ??= offset;
    if (offset === 0) this.isWhole = true;
    const entry = entryIn(message.content);
    if (entry) this.apply(entry, offset);
    else
      this.deps.warn(
        `Entry ${offset} of the stream ${this.name} was not written by this library: it is passed over.`,
      );
    this.next = offset + 1;
    this.seen.get(String(message.properties.messageId))?.();
  }

  private apply(entry: Entry, offset: number): void {
    if (entry.kind === 'mark') return;
    if (entry.kind === 'state') return this.takeOver(entry, offset);
    this.changedAt = offset;
    if (entry.kind === 'broker') this.id ??= Buffer.from(entry.id, 'hex');
    if (entry.kind !== 'queue') return;
    const key = keyOf(entry);
    if ((this.queues.get(key) ?? null) !== entry.replaces) return;
    if (entry.queue === null) this.queues.delete(key);
    else this.queues.set(key, entry.queue);
  }

  /**
   * Only where nothing has changed since it was taken, which only those can tell who have read all since: what it says is what
   * they know by reading, then, and all who take it over agree with all who need not.
   */
  private takeOver({ upTo, id, queues }: State, offset: number): void {
    if (this.first! > upTo || this.changedAt >= upTo) return;
    this.stateAt = offset;
    if (this.isWhole) return;
    this.isWhole = true;
    this.id = id === null ? undefined : Buffer.from(id, 'hex');
    this.queues.clear();
    for (const [of, queue] of queues) this.queues.set(of, queue);
  }

  /** The stream itself was deleted: what comes after it is another broker. */
  private endOf(channel: Channel): void {
    this.forgetAll();
    closeQuietly(channel);
  }

  private forgetAll(): void {
    this.queues.clear();
    this.id = undefined;
    this.next = 0;
    this.first = undefined;
    this.isWhole = false;
    this.changedAt = -1;
    this.stateAt = 0;
  }
}

function isEntry(entry: Entry): boolean {
  const isName = (value: unknown) => value === null || typeof value === 'string';
  const isId = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);
  switch (entry.kind) {
    case 'mark':
      return true;
    case 'broker':
      return isId(entry.id);
    case 'queue':
      return (
        [entry.queue, entry.replaces].every(isName) &&
        [entry.topic, entry.group].every((name) => typeof name === 'string')
      );
    case 'state':
      return (
        Number.isSafeInteger(entry.upTo) &&
        (entry.id === null || isId(entry.id)) &&
        Array.isArray(entry.queues) &&
        entry.queues.every((pair) => Array.isArray(pair) && pair.every((part) => typeof part === 'string'))
      );
    default:
      return false;
  }
}

function entryIn(content: Buffer): Entry | undefined {
  try {
    const entry = JSON.parse(content.toString('utf8')) as Entry | null;
    return entry && isEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

export function keyOf({ topic, keyed, group }: QueueOf): string {
  return JSON.stringify([topic, keyed, group]);
}
