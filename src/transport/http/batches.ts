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
   */
  constructor(
    private readonly send: (items: readonly Item[]) => Promise<readonly Answer[]>,
    private readonly most: number,
    private readonly atOnce: number,
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
    this.send(batch.map(({ item }) => item))
      .then(
        (answers) => batch.forEach(({ resolve }, i) => resolve(answers[i]!)),
        (error: unknown) => batch.forEach(({ reject }) => reject(error)),
      )
      .finally(() => {
        this.underWay--;
        this.next();
      });
  }
}
