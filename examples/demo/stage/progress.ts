import { paint } from '../../shared/paint.js';

const WIDTH = 20;
const LINE_EVERY_MS = 4_000;
const CLEAR_LINE = '\x1b[K';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

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

  /** What comes next begins where the bar was, or below an empty line. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.out.write(this.out.isTTY ? `\r${CLEAR_LINE}${SHOW_CURSOR}` : '\n');
  }

  private draw(done: number, text: string): void {
    const full = Math.round(done * WIDTH);
    const bar = paint('green', '█'.repeat(full)) + paint('dim', '░'.repeat(WIDTH - full));
    const line = `  ${bar} ${percent(done)}`;
    // A line that wraps could not be drawn over.
    const hasRoom = WIDTH + 10 + text.length < (this.out.columns || 80);
    this.out.write(`\r${HIDE_CURSOR}${CLEAR_LINE}${hasRoom ? `${line}  ${text}` : line}`);
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
