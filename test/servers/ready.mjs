import { setTimeout as pause } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { engineOfVersion } from './engines.mjs';

/**
 * Logs in and asks the server for its version.
 *
 * @param {string} url
 * @returns {Promise<string>}
 */
export async function versionOf(url) {
  if (url.startsWith('postgres')) return postgresVersionOf(url);
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 5_000 });
  try {
    const [rows] = await connection.query('SELECT VERSION() AS version');
    return /** @type {{ version: string }[]} */ (rows)[0]?.version ?? '';
  } finally {
    await connection.end();
  }
}

/** @param {string} url */
async function postgresVersionOf(url) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    const { rows } = await client.query(
      "SELECT 'PostgreSQL ' || current_setting('server_version') AS version",
    );
    return /** @type {{ version: string }[]} */ (rows)[0]?.version ?? '';
  } finally {
    await client.end();
  }
}

/**
 * The version of a server that must be of the engine named.
 *
 * @param {string} url
 * @param {import('./engines.mjs').Engine} engine
 */
export async function versionOfEngine(url, engine) {
  const version = await versionOf(url);
  if (engineOfVersion(version) !== engine) {
    throw new Error(`a server of another kind answers there (its version is ${version})`);
  }
  return version;
}

/**
 * Waits until a starting server lets us log in. A port that is open says little: containers open theirs
 * before the server is there.
 *
 * @param {string} url
 * @param {{
 *   engine: import('./engines.mjs').Engine,
 *   exited: Promise<import('./keep.mjs').Outcome>,
 *   timeoutMs: number,
 *   signal: AbortSignal,
 * }} options
 * @returns {Promise<string>} the server's version
 */
export async function waitUntilReady(url, { engine, exited, timeoutMs, signal }) {
  /** @type {import('./keep.mjs').Outcome | undefined} */
  let outcome;
  void exited.then((how) => (outcome = how));
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    if (outcome) throw new Error(`it ended while starting (${describe(outcome)})`);
    try {
      return await versionOfEngine(url, engine);
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error(`not ready after ${timeoutMs / 1000} s: ${messageOf(error)}`, { cause: error });
      }
      await pause(100);
    }
  }
}

/** @param {import('./keep.mjs').Outcome} outcome */
function describe({ code, signal, error }) {
  return error ?? (signal ? `killed by ${signal}` : `exit status ${code}`);
}

/**
 * A refused connection comes as an AggregateError, whose own message is empty.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error.message || /** @type {{ code?: string }} */ (error).code || error.name;
}
