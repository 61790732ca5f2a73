import { spawn } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

export interface FinishedExample {
  status: number | null;
  output: string;
  /** The numbers of its table, by their labels. */
  numbers: Record<string, number>;
}

/** Runs an example as its npm script does, and waits for its end. */
export async function runExample(file: string, args: string[] = []): Promise<FinishedExample> {
  const example = spawn(process.execPath, ['--import', 'tsx', join('examples', file), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  example.stdout.on('data', (text) => (output += text));
  example.stderr.on('data', (text) => (output += text));
  const status = await new Promise<number | null>((resolve) => example.once('close', resolve));
  return { status, output, numbers: numbersOf(output) };
}

/** `  cards                  1,000   one for each payment` */
const ROW = /^ {2}([A-Za-z0-9 ]+?) {2,}([\d,]+) {3}\S/;

function numbersOf(output: string): Record<string, number> {
  const rows = output.split('\n').flatMap((line) => {
    const [, label, number] = ROW.exec(line) ?? [];
    return label && number ? [[label, Number(number.replaceAll(',', ''))] as const] : [];
  });
  return Object.fromEntries(rows);
}
