import { constants } from 'node:os';

/** For a program that has to clean up when it is told to end. */
export function interruption() {
  let status: number | undefined;
  const whenInterrupted = new Promise<never>((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // A second Ctrl-C must not cut the cleaning short: npm passes on what the terminal has sent as well.
      process.on(name, () => {
        status ??= 128 + constants.signals[name];
        reject(new Error(`Ended by ${name}.`));
      });
    }
  });
  whenInterrupted.catch(() => undefined);
  return {
    /** Never resolves. */
    whenInterrupted,
    /** 128 + the signal's number, as a shell has it; undefined when none came. */
    exitStatus: () => status,
  };
}
