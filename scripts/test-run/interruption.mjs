import { constants } from 'node:os';

/**
 * Turns the signals that ask this process to end into an AbortSignal, so that what it started is stopped
 * first. They are taken once: npm passes a terminal's Ctrl-C on, and it then arrives twice.
 *
 * @returns {{ signal: AbortSignal, exitStatus: () => number | undefined }}
 *   exitStatus: 128 + the signal's number, as a shell reports it; undefined when none came
 */
export function interruption() {
  const controller = new AbortController();
  /** @type {number | undefined} */
  let status;
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(name, () => {
      if (status) return;
      status = 128 + constants.signals[name];
      console.error(`${name}: stopping what was started`);
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return { signal: controller.signal, exitStatus: () => status };
}
