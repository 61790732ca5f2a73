import { type DataSource } from 'typeorm';
import { Forgetting, type ScenarioReport } from '../consumer/index.js';
import { ConfigurationError } from '../errors/index.js';
import { IdempotentMqEvents } from '../events/index.js';
import { resolveOptions } from '../idempotent-mq.options.js';
import { localTransport } from '../transport/local.transport.js';
import { brokerOn } from './broker-on.js';
import type { Command, Flags } from './command.js';
import { dataSourceOf } from './data-source.js';
import { Opened } from './opened.js';

interface ForgettingFlags {
  tablePrefix: string | undefined;
  broker: string | undefined;
  dedupMs: string | undefined;
  slackMs: string | undefined;
}

const SUMMARY =
  "says what of a receiver's dedup log would be forgotten now, and why the rest stays; changes nothing";
const HELP =
  "It reads every dedup row. With a broker apart, --broker URL names the broker's database. --dedup-ms and --slack-ms are as in forRoot({ retention })";
const FLAGS = { broker: 'value', 'dedup-ms': 'value', 'slack-ms': 'value' } as const;

/** The former name of `forget --dry-run`. */
export const forgettingCommand: Command = {
  name: 'forgetting',
  summary: 'the same as forget --dry-run',
  help: `It ${SUMMARY}. ${HELP}`,
  flags: FLAGS,
  run: async ({ dataSource, flags }) => reportForgetting(await dataSource(), flagsOf(flags)),
};

export const forgetCommand: Command = {
  name: 'forget',
  summary: `with --dry-run: ${SUMMARY}`,
  help: `${HELP}. Without --dry-run it refuses: what is to go is forgotten by each process that sweeps (roles.sweep), every ten minutes`,
  examples: ['forget --dry-run --database mysql://root:secret@127.0.0.1:3306/cards'],
  flags: { ...FLAGS, 'dry-run': 'switch' },
  run: async ({ dataSource, flags }) => {
    if (flags['dry-run'] === undefined) {
      throw new ConfigurationError(
        'forget needs --dry-run: it says what would go. Each process that sweeps (roles.sweep) forgets by itself, every ten minutes.',
      );
    }
    await reportForgetting(await dataSource(), flagsOf(flags));
  },
};

function flagsOf(flags: Flags): ForgettingFlags {
  return {
    tablePrefix: flags['table-prefix'],
    broker: flags.broker,
    dedupMs: flags['dedup-ms'],
    slackMs: flags['slack-ms'],
  };
}

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
    const service = brokerOn(broker ? await opened.open(broker) : connections, options, events);
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
