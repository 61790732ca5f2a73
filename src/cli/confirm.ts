import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { ConfigurationError } from '../errors/index.js';

export interface Terminal {
  input: Readable & { isTTY?: boolean };
  output: Writable & { isTTY?: boolean };
}

/**
 * Whoever calls means it: by `--yes`, or by typing so. On stderr, since stdout may be a file.
 *
 * @throws ConfigurationError where there is nobody to ask: a script has to say so beforehand
 */
export async function isMeant(
  what: string,
  yes: string | undefined,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (yes !== undefined) return true;
  if (!input.isTTY || !output.isTTY) {
    throw new ConfigurationError(
      `${what} There is no terminal to ask on: give --yes if that is meant. Nothing was changed.`,
    );
  }
  const asking = createInterface({ input, output });
  // Ctrl-C, and an input that ends, are a no.
  const answer = await new Promise<string>((resolve) => {
    asking.once('close', () => resolve(''));
    asking.once('SIGINT', () => asking.close());
    void asking.question(`${what} Type yes to go on: `).then(resolve, () => resolve(''));
  });
  asking.close();
  if (/^y(es)?$/i.test(answer.trim())) return true;
  output.write('Nothing was changed.\n');
  return false;
}
