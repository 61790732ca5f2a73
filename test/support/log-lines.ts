import { Logger } from '@nestjs/common';

/** What is logged from here on, instead of on the console. Ends with `jest.restoreAllMocks()`. */
export function logLines(): string[] {
  const lines: string[] = [];
  for (const level of ['log', 'warn', 'error'] as const) {
    jest
      .spyOn(Logger.prototype, level)
      .mockImplementation((...line: unknown[]) => void lines.push(`${level}: ${String(line[0])}`));
  }
  return lines;
}
