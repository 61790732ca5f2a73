/** Which rows are marked. What is shown no more is not marked either: nobody acts on what he doesn't see. */
export class Selection {
  private readonly marked = new Set<string>();

  constructor(private readonly changed: () => void) {}

  get ids(): string[] {
    return [...this.marked];
  }

  has(id: string): boolean {
    return this.marked.has(id);
  }

  mark(ids: readonly string[], isMarked: boolean): void {
    for (const id of ids) {
      if (isMarked) this.marked.add(id);
      else this.marked.delete(id);
    }
    this.changed();
  }

  clear(): void {
    this.marked.clear();
  }
}
