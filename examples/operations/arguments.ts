import { parseArgs } from 'node:util';

const USAGE = `npm run example:operations -- [options]

  --port N      where it listens (3000; 0 for one that is free)
  --payments N  no more payments than so many, and then it only answers`;

export function readArguments(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: { port: { type: 'string' }, payments: { type: 'string' } },
    });
    return {
      port: whole('port', values.port) ?? 3000,
      payments: whole('payments', values.payments) ?? Infinity,
    };
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,9}$/.test(value)) throw new Error(`--${name} must be a whole number (got ${value}).`);
  return Number(value);
}
