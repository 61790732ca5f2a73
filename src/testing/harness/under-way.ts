import type { IdempotentMqEvent, IdempotentMqEvents } from '../../events/index.js';

/** After these a delivery is no longer in the hands of this process. */
const ENDS: ReadonlySet<IdempotentMqEvent['type']> = new Set([
  'acknowledged',
  'duplicate-absorbed',
  'retry-scheduled',
  'given-back',
  'dead-lettered',
  'lease-lost',
  'ack-lost',
]);

/** The deliveries that this process is handling, as its events tell: a handler may go on after its row is gone. */
export class UnderWay {
  /** Counts events, so that whoever looks at several tables one after the other sees whether anything moved meanwhile. */
  seen = 0;
  /** What the last of them was, in words. */
  last = 'none so far';
  readonly close: () => void;
  private readonly running = new Map<string, number>();

  constructor(events: IdempotentMqEvents) {
    const subscription = events.events$.subscribe((event) => this.note(event));
    this.close = () => subscription.unsubscribe();
  }

  get names(): string[] {
    return [...this.running.keys()].map((name) => `being handled: ${name}`);
  }

  /** Something that no event and no table tells of, while it lasts. */
  async during(name: string, work: Promise<unknown>): Promise<void> {
    this.count(name, 1);
    await work.finally(() => {
      this.seen++;
      this.count(name, -1);
    });
  }

  private note(event: IdempotentMqEvent): void {
    this.seen++;
    this.last = 'topic' in event ? `${event.type} (${event.topic})` : event.type;
    if (event.type === 'delivered') this.count(nameOf(event), 1);
    else if (ENDS.has(event.type)) this.count(nameOf(event as About), -1);
    else if (event.type === 'worker-error') this.forget(event);
  }

  private count(name: string, by: number): void {
    const count = (this.running.get(name) ?? 0) + by;
    if (count > 0) this.running.set(name, count);
    else this.running.delete(name);
  }

  /** It could not tell the broker how one of them ended, and which one, no event says. The tables know what is left of it. */
  private forget({ topic, group }: { topic: string; group: string }): void {
    for (const name of this.running.keys()) {
      if (name.startsWith(`${topic} `) && name.endsWith(` for group ${group}`)) this.running.delete(name);
    }
  }
}

interface About {
  topic: string;
  group: string;
  bizId: string;
}

function nameOf({ topic, group, bizId }: About): string {
  return `${topic} ${bizId} for group ${group}`;
}
