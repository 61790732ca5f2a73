import { styleText } from 'node:util';

const WIDTH = 20;
const LINE_EVERY_MS = 4_000;

/** One line that moves on a terminal; elsewhere a new line every few seconds. */
export class Progress {
  private lastLine = -Infinity;
  private over = false;

  constructor(private readonly out: NodeJS.WriteStream) {}

  show(done: number, text: string): void {
    if (this.over) return;
    if (this.out.isTTY) this.draw(Math.min(1, done), text);
    else this.print(Math.min(1, done), text);
  }

  /** Leaves the terminal's line as if it had never been there. */
  end(): void {
    if (!this.over && this.out.isTTY) this.out.write('\r\x1b[K\x1b[?25h');
    this.over = true;
  }

  private draw(done: number, text: string): void {
    const full = Math.round(done * WIDTH);
    const bar = styleText('green', '█'.repeat(full)) + styleText('dim', '░'.repeat(WIDTH - full));
    const line = `  ${bar} ${percent(done)}  ${text}`;
    // Wrapped, it could not be drawn over.
    const visible =
      this.out.columns && WIDTH + 10 + text.length >= this.out.columns ? `  ${bar} ${percent(done)}` : line;
    this.out.write(`\r\x1b[?25l\x1b[K${visible}`);
  }

  private print(done: number, text: string): void {
    const now = performance.now();
    if (now - this.lastLine < LINE_EVERY_MS) return;
    this.lastLine = now;
    this.out.write(`  ${percent(done)}  ${text}\n`);
  }
}

function percent(done: number): string {
  return `${Math.floor(done * 100)} %`.padStart(5);
}
