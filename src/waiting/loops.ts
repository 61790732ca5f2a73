/** What goes round in this process, and when it did so last. */
export interface LoopStatus {
  kind: 'relay' | 'worker';
  /** Of a worker: whose. */
  topic?: string;
  group?: string;
  /** Since it last went round, in milliseconds; 0 while it has to wait for another one. */
  sinceTurnMs: number;
  /** For how long each round has ended with an error, in milliseconds; 0: the last one has not. */
  failingMs: number;
  /** That of the last round. */
  error: string | undefined;
}

type About = Pick<LoopStatus, 'kind' | 'topic' | 'group'>;

/** One loop's own record. */
export class Pulse {
  private turnedAt = performance.now();
  private failing: { since: number; error: string } | undefined;
  private paused = false;

  constructor(private readonly about: About) {}

  turned(): void {
    this.turnedAt = performance.now();
    this.failing = undefined;
  }

  failed(error: string): void {
    this.turnedAt = performance.now();
    this.failing = { since: this.failing?.since ?? this.turnedAt, error };
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
    const now = performance.now();
    return {
      ...this.about,
      sinceTurnMs: this.paused ? 0 : now - this.turnedAt,
      failingMs: this.failing ? now - this.failing.since : 0,
      error: this.failing?.error,
    };
  }
}

/** The loops of one module instance in this process: a health check asks whether they still go round. */
export class Loops {
  private readonly pulses = new Set<Pulse>();

  /** @returns its record, and how to end it */
  begin(about: About): { pulse: Pulse; end: () => void } {
    const pulse = new Pulse(about);
    this.pulses.add(pulse);
    return { pulse, end: () => void this.pulses.delete(pulse) };
  }

  list(): LoopStatus[] {
    return [...this.pulses].map(({ status }) => status);
  }
}
