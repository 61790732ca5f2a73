import type { DataSource } from 'typeorm';
import { type IdempotentMqOptions, resolveOptions } from '../../src/idempotent-mq.options.js';
import { DAY_MS, HOUR_MS } from '../relay/parts.js';

// Property: retention times that can't keep what is promised are refused at start, with the option, what came, and the remedy.

const dataSource = { options: {} } as DataSource;
const broker = { dataSource: { type: 'better-sqlite3', database: 'x' } } as const;
const resolve = (retention: IdempotentMqOptions['retention'], more: IdempotentMqOptions = {}) =>
  resolveOptions({ retention, ...more }, dataSource);

describe('retention', () => {
  it.each([
    ['a month of biz-ids and a day of slack', {}],
    ['as long as the slack', { dedupMs: HOUR_MS, slackMs: HOUR_MS }],
    ['scenarios of their own', { executors: { webhooks: 60_000, 'cron.daily': 400 * DAY_MS } }],
  ])('may be %s', (_what, retention) => {
    expect(() => resolve(retention)).not.toThrow();
  });

  it.each([
    ['slackMs', { slackMs: HOUR_MS - 1 }, /^retention\.slackMs must be a whole number from 3600000 to /],
    [
      'dedupMs',
      { dedupMs: 30 },
      /^retention\.dedupMs must be at least retention\.slackMs \(86400000\): raise it, or lower that \(got the number 30\)/,
    ],
    ['dedupMs', { slackMs: 31 * DAY_MS }, /^retention\.dedupMs must be at least retention\.slackMs/],
    ['deadLetterMs', { deadLetterMs: 90 }, /^retention\.deadLetterMs must be a whole number from 60000/],
    ['quarantineMs', { quarantineMs: 0 }, /^retention\.quarantineMs must be a whole number from 60000/],
    [
      'executors',
      { executors: [] as never },
      /^retention\.executors must be an object with a number of milliseconds/,
    ],
    [
      'executors',
      { executors: { 'web hooks': DAY_MS } },
      /^retention\.executors must be 1 to 200 ASCII letters/,
    ],
    [
      "executors['w']",
      { executors: { w: 30 } },
      /^retention\.executors\['w'\] must be a whole number from 60000 to \d+ \(got the number 30\)/,
    ],
  ])('refuses %s where it can’t be kept: %j', (option, retention, message) => {
    const refused = expect(() => resolve(retention));
    refused.toThrow(message);
    refused.toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID', option: `retention.${option}` }));
  });

  it('knows biz-ids for longer than a broker apart knows inner-msg-ids: a restored one takes them again', () => {
    expect(() => resolve({ dedupMs: 7 * DAY_MS })).not.toThrow();
    expect(() => resolve({ dedupMs: 7 * DAY_MS }, { broker })).toThrow(
      /^retention\.dedupMs must be at least retention\.slackMs and retention\.innerMsgIdWindowMs together \(691200000\): raise it, or lower those/,
    );
    expect(() => resolve({ dedupMs: 8 * DAY_MS }, { broker })).not.toThrow();
  });
});
