const MOST_NUMBERS = 10_000;

/** What happened, in its order, as a hash; and as lines where somebody wants to read them. */
export class Trace {
  readonly lines: string[] = [];
  private low = 0x811c9dc5;
  private high = 0x1b873593;
  length = 0;

  constructor(private readonly keepsLines: boolean) {}

  note(at: number, actor: string, what: string): void {
    this.length++;
    if (this.keepsLines) this.lines.push(`${at.toFixed(3)} ${actor} ${what}`);
    // The moments are part of what has to be the same.
    this.add(Math.round(at * 1000));
    this.add(numberOf(actor));
    this.add(numberOf(what));
  }

  private add(number: number): void {
    this.low = Math.imul(this.low ^ number, 0x01000193) ^ (this.low >>> 15);
    this.high = Math.imul(this.high ^ number, 0x85ebca6b) ^ (this.high >>> 13);
  }

  get hash(): string {
    return [this.high, this.low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}

/** Statements are long, and there are few. */
const numbers = new Map<string, number>();

function numberOf(text: string): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  let number = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) number = Math.imul(number ^ text.charCodeAt(i), 0x01000193);
  if (numbers.size < MOST_NUMBERS) numbers.set(text, number);
  return number;
}
