import type { Logger } from '@nestjs/common';
import { printableLines } from './errors/index.js';

/** What is logged here: lines for people, who read them in a terminal. */
export type LineLogger = Pick<Logger, 'log' | 'warn' | 'error'>;

/** Biz-ids and error texts come from anywhere, and a terminal must not obey them. */
export function printableLogger(logger: LineLogger): LineLogger {
  return {
    log: (line: string) => logger.log(printableLines(line)),
    warn: (line: string) => logger.warn(printableLines(line)),
    error: (line: string) => logger.error(printableLines(line)),
  };
}
