import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keep } from '../../test/servers/keep.mjs';

const JEST = fileURLToPath(new URL('../../node_modules/jest/bin/jest.js', import.meta.url));

/**
 * @typedef {object} JestReport  The part of Jest's --json output that is read here.
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {number} numRuntimeErrorTestSuites
 * @property {JestFile[]} testResults
 */

/**
 * @typedef {object} JestFile
 * @property {string} name
 * @property {string} status
 * @property {string} message  all that went wrong in it
 * @property {{ fullName: string, status: string, failureMessages?: string[] }[]} assertionResults
 */

/**
 * Runs Jest, its output going where this process's goes. Its whole process group ends when this process
 * does: Jest's workers would go on by themselves.
 *
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} signal
 * @returns {Promise<{ clean: boolean, report: JestReport | undefined }>}
 *   clean: Jest exited with 0; no report when it broke down before it wrote one
 */
export async function runJest(args, env, signal) {
  const folder = await mkdtemp(join(tmpdir(), 'mq-test-report-'));
  const outputFile = join(folder, 'report.json');
  const command = [process.execPath, JEST, ...args, '--json', `--outputFile=${outputFile}`];
  const jest = keep({ commands: [command], remove: folder }, { output: 'inherit', env });
  const stop = () => void jest.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const { code } = await jest.exited;
  const text = await readFile(outputFile, 'utf8').catch(() => undefined);
  await jest.stop();
  return { clean: code === 0, report: text ? JSON.parse(text) : undefined };
}
