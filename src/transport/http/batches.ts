interface Queued<Item, Answer> {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/**
 * Sends together what comes while something is on its way, and at once what comes when nothing is: nobody waits for others
 * to come.
 */
export class Batches<Item, Answer> {
  private queue: Queued<Item, Answer>[] = [];
  private underWay = 0;

  /**
   * @param send answers for each item, in their order
   * @param most items of one request
   * @param atOnce requests at once: one that hangs must not hold up all
   * @param mayBeOfOne of an error that one item of a batch may be the reason for: then each is sent by itself
   */
  constructor(
    private readonly send: (items: readonly Item[]) => Promise<readonly Answer[]>,
    private readonly most: number,
    private readonly atOnce: number,
    private readonly mayBeOfOne: (error: unknown) => boolean,
  ) {}

  add(item: Item): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.queue.push({ item, resolve, reject });
      this.next();
    });
  }

  private next(): void {
    if (this.queue.length === 0 || this.underWay >= this.atOnce) return;
    const batch = this.queue.splice(0, this.most);
    this.underWay++;
    void this.settle(batch).finally(() => {
      this.underWay--;
      this.next();
    });
  }

  private async settle(batch: readonly Queued<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.send(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => resolve(answers[i]!));
    } catch (error) {
      if (batch.length > 1 && this.mayBeOfOne(error)) for (const one of batch) await this.settle([one]);
      else for (const { reject } of batch) reject(error);
    }
  }
}
