import { noLongerThan } from './no-longer-than.js';

interface Step {
  arrived: number;
  readonly all: Promise<void>;
  go(): void;
}

/** Has several go on together, step by step. Who has waited in vain once waits no more: another one may stand at a lock of his. */
export class InStep {
  private readonly steps = new Map<number, Step>();
  private isOver = false;

  /** @param patienceMs how long one waits for the others, in milliseconds */
  constructor(
    private readonly count: number,
    private readonly patienceMs: number,
  ) {}

  /** Resolves when all are there. */
  async take(number: number): Promise<void> {
    if (this.isOver) return;
    const step = this.step(number);
    if (++step.arrived >= this.count) step.go();
    await noLongerThan(this.patienceMs, step.all);
    this.isOver ||= step.arrived < this.count;
  }

  private step(number: number): Step {
    const known = this.steps.get(number);
    if (known) return known;
    let go!: () => void;
    const all = new Promise<void>((resolve) => (go = resolve));
    const step = { arrived: 0, all, go };
    this.steps.set(number, step);
    return step;
  }
}
