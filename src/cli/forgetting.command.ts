import { type DataSource } from 'typeorm';
import { BrokerService } from '../broker/index.js';
import { Forgetting, type ScenarioReport } from '../consumer/index.js';
import { ConfigurationError } from '../errors/index.js';
import { IdempotentMqEvents } from '../events/index.js';
import { resolveOptions } from '../idempotent-mq.options.js';
import {
  type LibraryConnections,
  checkSchema,
  databaseOf,
  makeSqliteSafe,
  openConnections,
} from '../storage/index.js';
import { localTransport } from '../transport/local.transport.js';
import { dataSourceOf } from './data-source.js';

export interface ForgettingFlags {
  tablePrefix: string | undefined;
  broker: string | undefined;
  dedupMs: string | undefined;
  slackMs: string | undefined;
}

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Says what would be forgotten, and why the rest stays. Changes nothing. */
export async function forgettingCommand(dataSource: DataSource, flags: ForgettingFlags): Promise<void> {
  const broker = flags.broker === undefined ? undefined : await dataSourceOf({ database: flags.broker });
  const retention = {
    ...(flags.dedupMs !== undefined && { dedupMs: numberOf('--dedup-ms', flags.dedupMs) }),
    ...(flags.slackMs !== undefined && { slackMs: numberOf('--slack-ms', flags.slackMs) }),
  };
  const options = resolveOptions(
    { retention, ...(broker && { broker: { dataSource: broker.options } }) },
    dataSource,
  );
  const opened: { close(): Promise<unknown> }[] = [];
  const open = async (of: DataSource): Promise<LibraryConnections> => {
    const database = databaseOf(of, flags.tablePrefix);
    if (database.dialect.engine === 'sqlite') makeSqliteSafe(of, { writeWaitMs: options.writeWaitMs });
    // A path that is misspelt would make an empty database.
    if (database.dialect.engine === 'sqlite' && !of.isInitialized) of.setOptions({ fileMustExist: true });
    if (!of.isInitialized) await of.initialize();
    opened.unshift({ close: () => of.destroy() });
    const connections = await openConnections(of, database, {
      scopeConnections: 1,
      controlConnections: 1,
      statementTimeoutMs: options.statementTimeoutMs,
      writeWaitMs: options.writeWaitMs,
      idleTimeoutSeconds: 60,
    });
    opened.unshift(connections);
    await connections.control((on) => checkSchema(database, on));
    return connections;
  };
  try {
    const connections = await open(dataSource);
    const events = new IdempotentMqEvents();
    const service = new BrokerService(broker ? await open(broker) : connections, events, {
      ...options,
      landing: { maxRows: 1, maxBytes: 1, packetBytes: 1 },
      sweepIntervalMs: DAY_MS,
      dropDelayMs: DAY_MS,
      onSweepError: () => undefined,
    });
    const forgetting = new Forgetting({
      connections,
      events,
      transport: localTransport(service),
      retention: { ...options.retention, asNoted: flags.dedupMs === undefined },
      intervalMs: DAY_MS,
      onError: () => undefined,
    });
    const reports = await forgetting.report();
    const text =
      reports.length > 0 ? reports.map(inWords).join('\n') : 'There is no scenario in this database.';
    process.stdout.write(`${text}\n`);
  } finally {
    for (const one of opened) await one.close();
  }
}

function inWords(report: ScenarioReport): string {
  const { scenario, kind, retentionMs, rows, wouldGo, kept, watermark, mark, heldBackBy } = report;
  return [
    `${scenario} (${kind}, kept for ${inDays(retentionMs)})`,
    `  ${rows} rows: ${wouldGo} would go now; ${kept} are kept by name, because a message with their biz-id still waits`,
    `  watermark ${watermark?.toISOString() ?? 'unknown'}, mark ${mark?.toISOString() ?? 'none yet'}`,
    ...(heldBackBy === undefined ? [] : [`  held back: ${heldBackBy}`]),
  ].join('\n');
}

function inDays(ms: number): string {
  const [value, unit] = ms < DAY_MS ? [ms / HOUR_MS, 'hours'] : [ms / DAY_MS, 'days'];
  return `${Number(value.toFixed(2))} ${unit}`;
}

function numberOf(flag: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new ConfigurationError(
    `${flag} must be a whole number of milliseconds (got ${JSON.stringify(value)}).`,
  );
}
