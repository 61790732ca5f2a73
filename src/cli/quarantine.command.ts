import { type QuarantinedMessage, quarantineNumber } from '../broker/index.js';
import type { Command, FlagKinds } from './command.js';
import { isMeant } from './confirm.js';
import { DONE, NOTHING, NOT_DONE, STATUS_HELP } from './exit-status.js';
import { wholeNumber } from './flag-values.js';
import { BROKER_HELP, withBroker } from './operating.js';
import { table } from './print/table.js';
import { json, key, plural, time } from './print/words.js';
import { tell } from './tell.js';

const COMMON: FlagKinds = { broker: 'value', json: 'switch' };
const DEFAULT_LIMIT = 100;
const MANUAL = 'docs/operations.md#quarantine says how to decide';

export const quarantineListCommand: Command = {
  name: 'quarantine list',
  summary: "what the broker can't tell from repeats, newest first",
  help: `${MANUAL}. --limit ${DEFAULT_LIMIT} unless given (1 to 1000), --after ID for the next page. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['quarantine list --database mysql://root:secret@127.0.0.1:3306/broker'],
  flags: { ...COMMON, limit: 'value', after: 'value' },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const { flags } = invocation;
    const limit = wholeNumber('--limit', flags.limit) ?? DEFAULT_LIMIT;
    const page = { limit, ...(flags.after !== undefined && { after: flags.after }) };
    return withBroker(invocation, { changes: false }, async ({ quarantine }) => {
      const quarantined = await quarantine.list(page);
      const next = quarantined.length === limit ? quarantined.at(-1)?.id : undefined;
      process.stdout.write(
        `${flags.json === undefined ? listInWords(quarantined, next) : json({ quarantined, next })}\n`,
      );
    });
  },
};

export const quarantineShowCommand: Command = {
  name: 'quarantine show',
  summary: 'one of them, with its body',
  help: `${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['quarantine show 17 --database mysql://root:secret@127.0.0.1:3306/broker'],
  args: [{ name: 'ID' }],
  flags: COMMON,
  notDone: NOT_DONE,
  run: (invocation) =>
    withBroker(invocation, { changes: false }, async ({ quarantine }) => {
      const [id] = invocation.args;
      const found = await quarantine.get(id!);
      if (!found) {
        process.stderr.write(`There is no quarantined message ${id} (any more).\n`);
        return NOTHING;
      }
      const isJson = invocation.flags.json !== undefined;
      process.stdout.write(`${isJson ? json(found) : oneInWords(found)}\n`);
      return DONE;
    }),
};

export const quarantineReleaseCommand: Command = {
  name: 'quarantine release',
  summary: 'lands them as messages of their own',
  help: `For what never landed, or where a second delivery does no harm because its consumers are idempotent. ${MANUAL}. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['quarantine release 17 18 --database mysql://root:secret@127.0.0.1:3306/broker'],
  args: [{ name: 'ID', many: 'one at least' }],
  flags: COMMON,
  notDone: NOT_DONE,
  run: async (invocation) => {
    const ids = idsOf('release', invocation.args);
    return withBroker(invocation, { changes: true }, async ({ quarantine }) => {
      const released = await each(ids, (id) => quarantine.release(id), 'landed');
      tell(invocation.flags, { released }, `${plural(released, 'message')} landed.`);
      return released > 0 ? DONE : NOTHING;
    });
  },
};

export const quarantineDiscardCommand: Command = {
  name: 'quarantine discard',
  summary: 'drops them for good',
  help: `For what has landed before. ${MANUAL}. It asks first; --yes for scripts. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['quarantine discard 17 --yes --database mysql://root:secret@127.0.0.1:3306/broker'],
  args: [{ name: 'ID', many: 'one at least' }],
  flags: { ...COMMON, yes: 'switch' },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const ids = idsOf('discard', invocation.args);
    return withBroker(invocation, { changes: true }, async ({ quarantine }) => {
      const question = `This drops ${plural(ids.length, 'quarantined message')} for good.`;
      if (!(await isMeant(question, invocation.flags.yes))) return NOTHING;
      const discarded = await each(ids, (id) => quarantine.discard(id), 'dropped');
      tell(invocation.flags, { discarded }, `${plural(discarded, 'message')} dropped.`);
      return discarded > 0 ? DONE : NOTHING;
    });
  },
};

/** All of them are looked at before the first is decided: where one is none, nothing was changed. */
function idsOf(command: string, args: readonly string[]): string[] {
  for (const id of args) quarantineNumber(`quarantine ${command}`, id);
  return [...new Set(args)];
}

async function each(
  ids: readonly string[],
  decide: (id: string) => Promise<boolean>,
  past: string,
): Promise<number> {
  let count = 0;
  try {
    for (const id of ids) if (await decide(id)) count++;
  } catch (error) {
    if (count > 0) process.stderr.write(`${plural(count, 'message')} ${past} before it went wrong.\n`);
    throw error;
  }
  return count;
}

function listInWords(quarantined: readonly QuarantinedMessage[], next: string | undefined): string {
  if (quarantined.length === 0) return 'The quarantine is empty.';
  const shown = table(
    [
      { title: 'ID', align: 'right' },
      { title: 'SINCE' },
      { title: 'TOPIC' },
      { title: 'REASON' },
      { title: 'COPIES', align: 'right' },
      { title: 'BIZ-ID' },
    ],
    quarantined.map(({ id, quarantinedAt, topic, reason, copies, bizId }) => [
      id,
      time(quarantinedAt),
      topic,
      reason,
      String(copies),
      key(bizId),
    ]),
  );
  return next === undefined ? shown : `${shown}\n\nThere may be more: --after ${next}`;
}

function oneInWords({ body, ...one }: QuarantinedMessage & { body: string }): string {
  return [
    `${one.topic} ${key(one.bizId)}, id ${one.id}`,
    `  quarantined ${time(one.quarantinedAt)} (${one.reason}), ${plural(one.copies, 'copy', 'copies')}, inner-msg-id ${one.innerMsgId}`,
    '',
    key(body),
  ].join('\n');
}
