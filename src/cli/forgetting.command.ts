import { type DataSource } from 'typeorm';
import { BrokerService } from '../broker/index.js';
import { Forgetting, type ScenarioReport } from '../consumer/index.js';
import { ConfigurationError } from '../errors/index.js';
import { IdempotentMqEvents } from '../events/index.js';
import { resolveOptions } from '../idempotent-mq.options.js';
import { localTransport } from '../transport/local.transport.js';
import type { Command } from './command.js';
import { dataSourceOf } from './data-source.js';
import { Opened } from './opened.js';

interface ForgettingFlags {
  tablePrefix: string | undefined;
  broker: string | undefined;
  dedupMs: string | undefined;
  slackMs: string | undefined;
}

export const forgettingCommand: Command = {
  name: 'forgetting',
  help:
    "says what of a receiver's dedup log would be forgotten now, and why the rest stays; changes nothing. With a broker " +
    "apart, --broker URL names the broker's database. --dedup-ms and --slack-ms are as in forRoot({ retention })",
  flags: { broker: 'value', 'dedup-ms': 'value', 'slack-ms': 'value' },
  run: (dataSource, flags) =>
    reportForgetting(dataSource, {
      tablePrefix: flags['table-prefix'],
      broker: flags.broker,
      dedupMs: flags['dedup-ms'],
      slackMs: flags['slack-ms'],
    }),
};

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Says what would be forgotten, and why the rest stays. Changes nothing. */
async function reportForgetting(dataSource: DataSource, flags: ForgettingFlags): Promise<void> {
  const broker =
    flags.broker === undefined ? undefined : await dataSourceOf({ database: flags.broker, flag: '--broker' });
  const retention = {
    ...(flags.dedupMs !== undefined && { dedupMs: numberOf('--dedup-ms', flags.dedupMs) }),
    ...(flags.slackMs !== undefined && { slackMs: numberOf('--slack-ms', flags.slackMs) }),
  };
  const options = resolveOptions(
    { retention, ...(broker && { broker: { dataSource: broker.options } }) },
    dataSource,
  );
  const opened = new Opened({ ...options, tablePrefix: flags.tablePrefix });
  try {
    const connections = await opened.open(dataSource);
    const events = new IdempotentMqEvents();
    const service = new BrokerService(broker ? await opened.open(broker) : connections, events, {
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
    await opened.close();
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
