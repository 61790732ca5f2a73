/** What goes round in this process, and when it did so last. */
export interface LoopStatus {
  kind: 'relay' | 'worker';
  /** Of a worker: whose. */
  topic?: string;
  group?: string;
  /** Since it last went round without an error, in milliseconds; 0 while it has to wait for another one. */
  sinceTurnMs: number;
  /** Why it failed since then. */
  error: string | undefined;
}

/** One loop's own record. */
export class Pulse {
  private turnedAt = performance.now();
  private error: string | undefined;
  private paused = false;

  constructor(private readonly about: Pick<LoopStatus, 'kind' | 'topic' | 'group'>) {}

  turned(): void {
    this.turnedAt = performance.now();
    this.error = undefined;
  }

  failed(error: string): void {
    this.error = error;
  }

  /** Standing still is right until what this returns is called. */
  pause(): () => void {
    this.paused = true;
    return () => {
      this.paused = false;
      this.turnedAt = performance.now();
    };
  }

  get status(): LoopStatus {
    const sinceTurnMs = this.paused ? 0 : performance.now() - this.turnedAt;
    return { ...this.about, sinceTurnMs, error: this.error };
  }
}

/** The loops of one module instance in this process: a health check asks whether they still go round. */
export class Loops {
  private readonly pulses = new Set<Pulse>();

  /** @returns its record, and how to end it */
  begin(about: Pick<LoopStatus, 'kind' | 'topic' | 'group'>): { pulse: Pulse; end: () => void } {
    const pulse = new Pulse(about);
    this.pulses.add(pulse);
    return { pulse, end: () => void this.pulses.delete(pulse) };
  }

  list(): LoopStatus[] {
    return [...this.pulses].map(({ status }) => status);
  }
}
