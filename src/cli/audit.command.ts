import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { allChecks, asJson, audit, inWords } from '../audit/index.js';
import { resolveOptions } from '../idempotent-mq.options.js';
import { type EffectFlags, effectTable, effectsOf } from './audited-effects.js';
import type { Command } from './command.js';
import { dataSourceOf } from './data-source.js';
import { wholeNumber } from './flag-values.js';
import { Opened } from './opened.js';

interface AuditFlags extends EffectFlags {
  tablePrefix?: string | undefined;
  broker?: string | undefined;
  limit?: string | undefined;
  patienceMs?: string | undefined;
  json?: string | undefined;
}

const FOUND = 1;
/** With 1 it says that it has found something. */
const NOT_DONE = 3;

const DEFAULT_LIMIT = 20;
/** Between the first look and the second. What one statement has seen is seen again, unless a replica answered. */
const SETTLE_MS = 2_000;
/** A batch of a table without statistics, on a busy server. */
const STATEMENT_TIMEOUT_MS = 120_000;

export const auditCommand: Command = {
  name: 'audit',
  summary:
    'looks for rows that are missing, doubled, orphaned, torn or contradict each other; changes nothing',
  help:
    'With a broker apart, --broker URL. --table NAME --column NAME and --scenario NAME, or --group NAME --topic NAME: a table of yours ' +
    `in which each biz-id has one row. --limit ${DEFAULT_LIMIT}, of each kind; --json; --patience-ms, for what a sweeper ` +
    `may still put right. Exit status: 0 nothing is wrong, ${FOUND} something is, ${NOT_DONE} it could not be done`,
  flags: {
    broker: 'value',
    table: 'value',
    column: 'value',
    scenario: 'value',
    group: 'value',
    topic: 'value',
    limit: 'value',
    'patience-ms': 'value',
    json: 'switch',
  },
  notDone: NOT_DONE,
  examples: [
    'audit --database mysql://root:secret@127.0.0.1:3306/cards --broker mysql://root:secret@127.0.0.1:3306/broker',
  ],
  run: async ({ dataSource, flags: { 'table-prefix': tablePrefix, 'patience-ms': patienceMs, ...flags } }) =>
    auditDatabase(await dataSource(), { ...flags, tablePrefix, patienceMs }),
};

/**
 * Names what is wrong in the library's tables, and between them. Changes nothing.
 *
 * @returns the exit status
 * @throws ConfigurationError, InvalidOptionError naming the flag
 */
async function auditDatabase(dataSource: DataSource, flags: AuditFlags): Promise<number> {
  const limit = wholeNumber('--limit', flags.limit) ?? DEFAULT_LIMIT;
  const patienceMs = wholeNumber('--patience-ms', flags.patienceMs);
  const wanted = effectsOf(flags);
  const brokerDataSource =
    flags.broker === undefined ? undefined : await dataSourceOf({ database: flags.broker, flag: '--broker' });
  const { writeWaitMs } = resolveOptions({}, dataSource);
  const opened = new Opened({
    tablePrefix: flags.tablePrefix,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    writeWaitMs,
  });
  try {
    const business = await opened.open(dataSource);
    const broker = brokerDataSource ? await opened.open(brokerDataSource) : business;
    const effects = wanted && (await effectTable(business, wanted));
    const settleMs = Math.min(SETTLE_MS, patienceMs ?? SETTLE_MS);
    const checks = await allChecks({ business, broker, effects });
    const report = await audit(checks, { limit, settleMs, patienceMs, pause });
    process.stdout.write(`${flags.json === undefined ? inWords(report) : asJson(report)}\n`);
    return report.found.size > 0 ? FOUND : 0;
  } finally {
    await opened.close();
  }
}
