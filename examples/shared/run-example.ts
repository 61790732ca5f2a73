import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/** Waits for the work no longer than so many seconds, and no longer than until somebody presses Ctrl-C. */
export type InTime = <T>(work: Promise<T>, seconds: number) => Promise<T>;

export class InterruptedError extends Error {}

/** Its message is what somebody asked for with --help. */
export class HelpWanted extends Error {}

/** Runs an example, which cleans up after itself when `inTime` throws, and exits with the status that it returns. */
export async function runExample(example: (inTime: InTime) => Promise<number>): Promise<never> {
  let signalled: number | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // Not once: npm passes on a Ctrl-C that the terminal has sent as well, and the second one must not kill.
      process.on(name, () => {
        signalled ??= 128 + constants.signals[name];
        reject(new InterruptedError(`Ended by ${name}.`));
      });
    }
  });
  interrupted.catch(() => undefined);
  try {
    process.exitCode = await example((work, seconds) =>
      Promise.race([work, interrupted, timeLimit(seconds)]),
    );
  } catch (error) {
    const isHelp = error instanceof HelpWanted;
    const print = isHelp ? console.log : console.error;
    print(`\n  ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = signalled ?? (isHelp ? 0 : 1);
  }
  // What was not waited for any longer keeps nobody.
  process.exit();
}

async function timeLimit(seconds: number): Promise<never> {
  await pause(seconds * 1000);
  throw new Error(`The run is not through after ${seconds} s.`);
}
