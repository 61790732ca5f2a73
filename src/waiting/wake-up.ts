/** A bell that is not missed when it rings before somebody listens. */
export class WakeUp {
  private rung = false;
  private resolve: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.resolve?.();
  }

  /** Resolves when it rings, or after `ms` milliseconds. @returns whether it rang */
  async wait(ms: number): Promise<boolean> {
    if (!this.rung) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.resolve = resolve;
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.resolve = undefined;
    }
    const { rung } = this;
    this.rung = false;
    return rung;
  }
}
