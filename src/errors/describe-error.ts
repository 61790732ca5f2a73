import { errorCode } from './idempotent-mq.error.js';

const MAX_LENGTH = 2_000;

/** An error in one line, however hostile what was thrown is: never throws, never longer than 2,000 characters. */
export function describeError(error: unknown): string {
  return cut(attempt(() => render(error)) ?? 'something that cannot be described');
}

/** The same with the stack, where there is one. */
export function describeErrorAtLength(error: unknown): string {
  const stack = attempt(() => (error instanceof Error ? error.stack : undefined));
  return cut(typeof stack === 'string' ? stack : describeError(error));
}

/** Its `code`, as `errorCode` finds it, however hostile what was thrown is: never throws. */
export function describeErrorCode(error: unknown): string | undefined {
  const code = attempt(() => errorCode(error));
  return code === undefined ? undefined : cut(code);
}

function render(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null) return JSON.stringify(error) ?? 'an object';
  return String(error);
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
