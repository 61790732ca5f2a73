/** What a view has asked the server for: the latest answer counts, whichever comes last. */
export class Loaded<T> {
  value: T | undefined;
  error: string | undefined;
  isLoading = false;
  private turn = 0;

  constructor(private readonly changed: () => void) {}

  async load(asking: Promise<T>): Promise<void> {
    const turn = ++this.turn;
    this.isLoading = true;
    this.error = undefined;
    this.changed();
    try {
      const value = await asking;
      if (turn !== this.turn) return;
      this.value = value;
    } catch (error) {
      if (turn !== this.turn) return;
      this.value = undefined;
      this.error = (error as Error).message;
    }
    this.isLoading = false;
    this.changed();
  }

  clear(): void {
    this.turn++;
    this.value = this.error = undefined;
    this.isLoading = false;
  }
}
