import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const NAMED = 20;
/** Characters of what a failed test says: enough to know why without the whole output. */
const SAID = 700;

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string[]} notes  one line for each thing that was skipped or failed, the tests by name
 */

/**
 * Jest's figures, made to err on the strict side: a suite that could not run, a Jest that ended badly and a
 * run without a single test each count as a failure.
 *
 * @param {{ clean: boolean, report: import('./jest.mjs').JestReport | undefined }} outcome
 * @returns {Tally}
 */
export function tallyOf({ clean, report }) {
  if (!report) return { passed: 0, failed: 1, skipped: 0, notes: ['failed: Jest wrote no report'] };
  const tally = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: report.numPendingTests + report.numTodoTests,
    notes: [
      ...named(report, ['pending', 'todo']).map((name) => `skipped: ${name}`),
      ...named(report, ['failed']).map((name) => `failed: ${name}`),
      ...brokenDown(report).map((name) => `failed: ${name}`),
    ],
  };
  if (tally.passed + tally.failed === 0) {
    tally.failed = 1;
    tally.notes.push('failed: no test was executed');
  }
  if (!clean && tally.failed === 0) {
    tally.failed = 1;
    tally.notes.push('failed: Jest ended with an error, though no test did');
  }
  return tally;
}

/**
 * @param {import('./jest.mjs').JestReport} report
 * @param {string[]} wanted  Jest's words for how a test ended
 */
function named({ testResults }, wanted) {
  const names = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => wanted.includes(status))
      .map(
        ({ fullName, failureMessages = [] }) =>
          `${fullName} (${relative(process.cwd(), name)})${failureMessages.map(shortened).join('')}`,
      ),
  );
  return cut(names);
}

/**
 * Files of which no test could begin.
 *
 * @param {import('./jest.mjs').JestReport} report
 */
function brokenDown({ testResults }) {
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every(({ status }) => status !== 'failed'),
  );
  return cut(
    broken.map(({ name, message }) => `${relative(process.cwd(), name)} could not run${shortened(message)}`),
  );
}

/**
 * On one line, without colours and stack.
 *
 * @param {string} message
 */
function shortened(message) {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => !/^\s*at /.test(line));
  const text = lines.join(' ').replace(/\s+/g, ' ').trim();
  return `: ${text.length > SAID ? `${text.slice(0, SAID)}…` : text}`;
}

/** @param {string[]} names */
function cut(names) {
  const rest = names.length - NAMED;
  return rest > 0 ? [...names.slice(0, NAMED), `and ${rest} more tests`] : names;
}

/**
 * Adds an engine that could not be tested.
 *
 * @param {Tally} tally
 * @param {'failed' | 'skipped'} as
 * @param {string} engine
 * @param {string} reason
 */
export function countMissingEngine(tally, as, engine, reason) {
  tally[as] += 1;
  tally.notes.push(`${as}: all tests on ${engine}: ${reason.replaceAll('\n', '; ')}`);
}

/** @param {Tally} tally */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
