import { styleText } from 'node:util';

/** On a terminal only: in a file the codes would be in the way. */
export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

/** The line on which it all ends. */
export function verdictLine({ lost, doubled }: { lost: number; doubled: number }): string {
  const line = `lost ${lost}, doubled ${doubled}`;
  return `  ${paint(['bold', lost + doubled === 0 ? 'green' : 'red'], line)}\n`;
}
