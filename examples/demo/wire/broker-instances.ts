import type { Crew } from '../stage/crew.js';
import type { SystemProcess } from '../stage/system-process.js';

/** The instances of the broker that can be connected to: what a load balancer knows by its health checks. */
export class BrokerInstances {
  private readonly ports = new Map<SystemProcess, number>();
  private turn = 0;

  watch(crew: Crew): void {
    crew.events$.subscribe(({ who, event }) => {
      if (event.type !== 'listening') return;
      this.ports.set(who, event.port);
      void who.ended.then(() => this.ports.delete(who));
    });
  }

  /** Each of them by turns; undefined when there is none. */
  next(): number | undefined {
    const ports = [...this.ports.values()];
    return ports[this.turn++ % ports.length];
  }
}
