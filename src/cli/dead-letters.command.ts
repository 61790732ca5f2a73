import type { BrokerService, DeadLetter, DeadLetterFilter, DeadLetterSelector } from '../broker/index.js';
import { ConfigurationError } from '../errors/index.js';
import type { Command, FlagKinds, Flags } from './command.js';
import { isMeant } from './confirm.js';
import { DONE, NOTHING, NOT_DONE, STATUS_HELP } from './exit-status.js';
import { date, wholeNumber } from './flag-values.js';
import { BROKER_HELP, withBroker } from './operating.js';
import { table } from './print/table.js';
import { indented, json, key, oneLine, plural, time } from './print/words.js';
import { tell } from './tell.js';

const FILTER: FlagKinds = {
  topic: 'value',
  group: 'value',
  reason: 'value',
  'biz-id': 'value',
  'dead-until': 'value',
};
const FILTER_HELP =
  '--topic, --group, --reason (failed, rejected, torn, process-lost, expired, unrouted, too-old-to-judge, biz-id-conflict), --biz-id and --dead-until TIME select: what is given must all be met';
const COMMON: FlagKinds = { broker: 'value', json: 'switch' };
/** Shown on a page, and counted before a question. */
const DEFAULT_LIMIT = 100;
const MOST_COUNTED = 1_000;

export const deadLettersListCommand: Command = {
  name: 'dead-letters list',
  summary: 'what is not tried any more, newest first, and why',
  help: `${FILTER_HELP}. --limit ${DEFAULT_LIMIT} unless given (1 to 1000), --after POSITION for the next page. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['dead-letters list --group card-issuing --reason failed --data-source dist/ormconfig.js'],
  flags: { ...COMMON, ...FILTER, limit: 'value', after: 'value' },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const { flags } = invocation;
    const limit = wholeNumber('--limit', flags.limit) ?? DEFAULT_LIMIT;
    const page = { ...filterOf(flags), limit, ...(flags.after !== undefined && { after: flags.after }) };
    return withBroker(invocation, { changes: false }, async ({ deadLetters }) => {
      const letters = await deadLetters.list(page);
      const next = letters.length === limit ? letters.at(-1)?.position : undefined;
      process.stdout.write(
        `${flags.json === undefined ? lettersInWords(letters, next) : json({ deadLetters: letters, next })}\n`,
      );
    });
  },
};

export const deadLettersShowCommand: Command = {
  name: 'dead-letters show',
  summary: 'one of them, with its body and what went wrong each time',
  help: `${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['dead-letters show 3-1024 --data-source dist/ormconfig.js'],
  args: [{ name: 'ID' }],
  flags: COMMON,
  notDone: NOT_DONE,
  run: (invocation) =>
    withBroker(invocation, { changes: false }, async ({ deadLetters }) => {
      const [id] = invocation.args;
      const letter = await deadLetters.get(id!);
      if (!letter) {
        process.stderr.write(`There is no dead letter ${id} (any more).\n`);
        return NOTHING;
      }
      const isJson = invocation.flags.json !== undefined;
      process.stdout.write(`${isJson ? json(letter) : letterInWords(letter)}\n`);
      return DONE;
    }),
};

export const deadLettersRequeueCommand: Command = {
  name: 'dead-letters requeue',
  summary: 'gives them back to their groups, to be tried again',
  help: `By their ids, or a filter: ${FILTER_HELP}. Their failures are forgiven, their history is kept. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: [
    'dead-letters requeue 3-1024 --data-source dist/ormconfig.js',
    'dead-letters requeue --group card-issuing --reason failed --data-source dist/ormconfig.js',
  ],
  args: [{ name: 'ID', many: 'any number' }],
  flags: { ...COMMON, ...FILTER },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const which = selectorOf('requeue', invocation.args, invocation.flags);
    return withBroker(invocation, { changes: true }, async ({ deadLetters }) => {
      const requeued = await deadLetters.requeue(which);
      tell(invocation.flags, { requeued }, `${plural(requeued, 'dead letter')} went back.`);
      return requeued > 0 ? DONE : NOTHING;
    });
  },
};

export const deadLettersPurgeCommand: Command = {
  name: 'dead-letters purge',
  summary: 'deletes them for good, and their messages where nobody else needs them',
  help: `By their ids, or a filter: ${FILTER_HELP}. It asks first; --yes for scripts. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: [
    'dead-letters purge --group card-issuing --reason rejected --yes --data-source dist/ormconfig.js',
  ],
  args: [{ name: 'ID', many: 'any number' }],
  flags: { ...COMMON, ...FILTER, yes: 'switch' },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const which = selectorOf('purge', invocation.args, invocation.flags);
    return withBroker(invocation, { changes: true }, async (broker) => {
      const { many, those } = await whatIsThere(broker, which);
      // What dies from now on nobody has counted.
      if (!those) {
        tell(invocation.flags, { purged: 0 }, '0 dead letters deleted.');
        return NOTHING;
      }
      if (!(await isMeant(`This deletes ${many} for good.`, invocation.flags.yes))) return NOTHING;
      const purged = await broker.deadLetters.purge(those);
      tell(invocation.flags, { purged }, `${plural(purged, 'dead letter')} deleted.`);
      return purged > 0 ? DONE : NOTHING;
    });
  },
};

function filterOf(flags: Flags): DeadLetterFilter {
  const { topic, group, reason, 'biz-id': bizId } = flags;
  const deadUntil = date('--dead-until', flags['dead-until']);
  return {
    ...(topic !== undefined && { topic }),
    ...(group !== undefined && { group }),
    // Its own check names the reasons that there are.
    ...(reason !== undefined && { reason: reason as NonNullable<DeadLetterFilter['reason']> }),
    ...(bizId !== undefined && { bizId }),
    ...(deadUntil && { deadUntil }),
  };
}

/** @throws ConfigurationError when neither or both were given: a slip must not touch all there are */
function selectorOf(command: string, ids: readonly string[], flags: Flags): DeadLetterSelector {
  const filter = filterOf(flags);
  const isFilter = Object.keys(filter).length > 0;
  if (isFilter === ids.length > 0) {
    throw new ConfigurationError(
      `dead-letters ${command} needs ids or a filter, one of the two (${isFilter ? 'both were' : 'neither was'} given): ids as dead-letters list shows them, or --group, --topic, --reason, --biz-id, --dead-until.`,
    );
  }
  return isFilter ? filter : [...new Set(ids)];
}

/** What dies while somebody thinks about the question is not what was counted. */
async function whatIsThere(
  { deadLetters }: BrokerService,
  which: DeadLetterSelector,
): Promise<{ many: string; those: DeadLetterSelector | undefined }> {
  if (Array.isArray(which)) return { many: plural(new Set(which).size, 'dead letter'), those: which };
  const filter = which as DeadLetterFilter;
  const found = await deadLetters.list({ ...filter, limit: MOST_COUNTED });
  const newest = found[0]?.deadAt;
  return {
    many:
      found.length < MOST_COUNTED
        ? plural(found.length, 'dead letter')
        : `${MOST_COUNTED.toLocaleString('en-US')} dead letters or more`,
    those: newest && { ...filter, deadUntil: newest },
  };
}

function lettersInWords(letters: readonly DeadLetter[], next: string | undefined): string {
  if (letters.length === 0) return 'There is no such dead letter.';
  const shown = table(
    [
      { title: 'ID' },
      { title: 'SINCE' },
      { title: 'TOPIC' },
      { title: 'GROUP' },
      { title: 'REASON' },
      { title: 'FAILURES', align: 'right' },
      { title: 'BIZ-ID, LAST ERROR' },
    ],
    letters.map(({ id, deadAt, topic, group, reason, failures, bizId, errors }) => {
      const last = errors.at(-1);
      return [
        id,
        time(deadAt),
        topic,
        group ?? '-',
        reason,
        String(failures),
        `${key(bizId)}${last ? `  ${oneLine(last.error, 120)}` : ''}`,
      ];
    }),
  );
  return next === undefined ? shown : `${shown}\n\nThere may be more: --after ${next}`;
}

function letterInWords({ errors, body, ...letter }: DeadLetter & { body: string }): string {
  return [
    `${letter.topic} ${key(letter.bizId)}, of ${letter.group ?? 'no group'}, id ${letter.id}`,
    `  dead since ${time(letter.deadAt)} (${letter.reason}), landed ${time(letter.landedAt)}`,
    `  ${plural(letter.failures, 'failure')}, ${plural(letter.lostLeases, 'lost lease')}${letter.orderingKey === undefined ? '' : `, ordering key ${key(letter.orderingKey)}`}`,
    ...errors.map(({ at, error }) => `  ${oneLine(at)} ${indented(error)}`),
    '',
    key(body),
  ].join('\n');
}
