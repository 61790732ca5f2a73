import { execFile } from 'node:child_process';

/**
 * Runs a command to its end and answers what it wrote to stdout.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ timeoutMs?: number, signal?: AbortSignal, env?: NodeJS.ProcessEnv }} [options]
 *   timeoutMs defaults to 30 s; env is added to this process's own
 * @returns {Promise<string>}
 * @throws {Error} whose message holds the command, how it ended and the last lines that it wrote
 */
export function run(command, args, { timeoutMs = 30_000, signal, env } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { timeout: timeoutMs, signal, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const words = lastLines(stderr.trim() || stdout, 4).replaceAll('\n', ' / ');
        reject(
          new Error(`${command} ${args.join(' ')}: ${howItEnded(error, timeoutMs)}${words && `: ${words}`}`),
        );
      },
    );
    child.stdin?.end();
  });
}

/**
 * @param {import('node:child_process').ExecFileException} error
 * @param {number} timeoutMs
 */
function howItEnded(error, timeoutMs) {
  if (error.code === 'ENOENT') return 'no such command';
  if (error.name === 'AbortError') return 'interrupted';
  if (error.killed) return `not done after ${timeoutMs / 1000} s`;
  if (error.signal) return `killed by ${error.signal}`;
  return typeof error.code === 'number' ? `exit status ${error.code}` : error.message;
}

/**
 * @param {string} text
 * @param {number} count
 */
export function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
