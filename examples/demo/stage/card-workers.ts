import { Subject } from 'rxjs';
import type { IdempotentMqEvent } from '../../../src/index.js';
import type { Orders } from './orders.js';
import { SystemProcess } from './system-process.js';

const CARD_SYSTEM = new URL('../card-system/main.ts', import.meta.url);

export interface WorkerEvent {
  worker: SystemProcess;
  event: IdempotentMqEvent;
}

/** The card system in several processes, each replaced when it dies: what systemd or Kubernetes does elsewhere. */
export class CardWorkers {
  readonly events$ = new Subject<WorkerEvent>();
  /** Ended though nobody killed them. */
  readonly crashes: string[] = [];
  /** Each with the deliveries that it is working on. */
  private readonly workers = new Map<SystemProcess, Set<string>>();
  private closing = false;

  constructor(
    private readonly orders: Orders,
    private readonly log: number,
  ) {}

  /** Resolves when all of them work. */
  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.startOne().ready));
  }

  get ready(): number {
    return [...this.workers.keys()].filter((worker) => worker.isReady).length;
  }

  atWorkOn(worker: SystemProcess): Iterable<string> {
    return this.workers.get(worker) ?? [];
  }

  /** For good: those who die now are not replaced. */
  close(): void {
    this.closing = true;
  }

  async shutDown(): Promise<void> {
    this.close();
    await Promise.all([...this.workers.keys()].map((worker) => worker.shutDown()));
  }

  private startOne(): SystemProcess {
    const worker = new SystemProcess(CARD_SYSTEM, this.orders, this.log);
    const deliveries = new Set<string>();
    this.workers.set(worker, deliveries);
    worker.events$.subscribe((event) => {
      const delivery = deliveryOf(event);
      if (delivery && event.type === 'delivered') deliveries.add(delivery);
      else if (delivery) deliveries.delete(delivery);
      this.events$.next({ worker, event });
    });
    void worker.ended.then((how) => {
      this.workers.delete(worker);
      const expected = this.closing ? 'SIGTERM' : 'SIGKILL';
      if (how !== expected) this.crashes.push(`A card worker ended by itself (${how}).`);
      if (!this.closing) this.startOne();
    });
    return worker;
  }
}

/** Tells deliveries apart by what a business knows of them. */
export function deliveryOf(event: IdempotentMqEvent): string | undefined {
  return 'bizId' in event && 'group' in event ? `${event.group} ${event.bizId}` : undefined;
}
