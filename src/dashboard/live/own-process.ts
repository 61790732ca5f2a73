import { hostname } from 'node:os';
import type { IdempotentMqEvent } from '../../events/index.js';
import type { ProcessLine, Trouble } from '../wire.js';

/** What the workers and the relay of this process can't do, as their events tell of it. */
export class OwnProcess {
  private readonly startedAt = new Date().toISOString();
  private readonly workers = new Map<string, Trouble & { topic: string; group: string }>();
  private relay: Trouble | undefined;
  private lastSentAt: string | undefined;

  note(event: IdempotentMqEvent): void {
    switch (event.type) {
      case 'worker-error': {
        const { topic, group, error, bizId } = event;
        // One delivery that could not be run says nothing of the worker.
        if (bizId !== undefined || this.workers.has(keyOf(event))) return;
        this.workers.set(keyOf(event), { topic, group, ...since(error) });
        return;
      }
      case 'worker-recovered':
        this.workers.delete(keyOf(event));
        return;
      case 'sent':
        this.lastSentAt = new Date().toISOString();
        return;
      case 'relay-error':
        this.relay ??= since(event.error);
        return;
      case 'relay-recovered':
        this.relay = undefined;
        return;
      default:
    }
  }

  line(sends: { all: number; again: number }, redacted: (error: string) => string): ProcessLine {
    const seen = <T extends Trouble>(trouble: T): T => ({ ...trouble, error: redacted(trouble.error) });
    return {
      pid: process.pid,
      host: hostname(),
      startedAt: this.startedAt,
      workers: [...this.workers.values()].map(seen),
      relay: {
        sent: sends.all,
        resent: sends.again,
        lastSentAt: this.lastSentAt,
        trouble: this.relay && seen(this.relay),
      },
    };
  }
}

function keyOf({ topic, group }: { topic: string; group: string }): string {
  return `${topic} ${group}`;
}

function since(error: string): Trouble {
  return { error, since: new Date().toISOString() };
}
