import type { BrokerService, GroupStatus } from '../broker/index.js';
import { InvalidOptionError } from '../errors/index.js';
import type { Command, FlagKinds, Flags } from './command.js';
import { isMeant } from './confirm.js';
import { NOTHING, NOT_DONE, STATUS_HELP } from './exit-status.js';
import { wholeNumber } from './flag-values.js';
import { BROKER_HELP, withBroker } from './operating.js';
import { table } from './print/table.js';
import { json, plural } from './print/words.js';
import { tell } from './tell.js';

const COMMON: FlagKinds = { broker: 'value', json: 'switch' };

export const groupsListCommand: Command = {
  name: 'groups list',
  summary: 'who receives what, counted to the last delivery',
  help: `It reads every delivery: status is cheap. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['groups list --data-source dist/ormconfig.js'],
  flags: COMMON,
  notDone: NOT_DONE,
  run: (invocation) =>
    withBroker(invocation, { changes: false }, async ({ groups }) => {
      const all = await groups.list();
      process.stdout.write(
        `${invocation.flags.json === undefined ? groupsInWords(all) : json({ groups: all })}\n`,
      );
    }),
};

export const groupsPauseCommand: Command = {
  name: 'groups pause',
  summary: 'hands nothing out to a group any more, in any process',
  help: `Until it is resumed, also over restarts; what was handed out already is finished. --topic NAME: only of that one. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['groups pause card-issuing --data-source dist/ormconfig.js'],
  args: [{ name: 'GROUP' }],
  flags: { ...COMMON, topic: 'value' },
  notDone: NOT_DONE,
  run: (invocation) =>
    withBroker(invocation, { changes: true }, async ({ groups }) => {
      const which = selectorOf(invocation);
      await groups.pause(which);
      tell(invocation.flags, { paused: which }, `${which.group} is paused.`);
    }),
};

export const groupsResumeCommand: Command = {
  name: 'groups resume',
  summary: 'hands out to a paused group again',
  help: `--topic NAME: only of that one. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['groups resume card-issuing --data-source dist/ormconfig.js'],
  args: [{ name: 'GROUP' }],
  flags: { ...COMMON, topic: 'value' },
  notDone: NOT_DONE,
  run: (invocation) =>
    withBroker(invocation, { changes: true }, async ({ groups }) => {
      const which = selectorOf(invocation);
      await groups.resume(which);
      tell(invocation.flags, { resumed: which }, `${which.group} goes on.`);
    }),
};

export const groupsRemoveCommand: Command = {
  name: 'groups remove',
  summary: 'takes a group away from a topic for good, with what it has of it',
  help: `Its deliveries and dead letters go; a consumer of that version doesn't bring it back. Remove the consumer first. --version N: the one that it is subscribed at now, unless given. It asks first; --yes for scripts. ${BROKER_HELP}. --json for programs. ${STATUS_HELP}`,
  examples: ['groups remove card-issuing payment.succeeded --yes --data-source dist/ormconfig.js'],
  args: [{ name: 'GROUP' }, { name: 'TOPIC' }],
  flags: { ...COMMON, version: 'value', yes: 'switch' },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const { flags } = invocation;
    const [group, topic] = invocation.args as [string, string];
    const version = wholeNumber('--version', flags.version);
    return withBroker(invocation, { changes: true }, async (broker) => {
      const there = await groupOf(broker, group, topic);
      const has = `${plural(there.ready + there.inFlight + there.waiting, 'delivery', 'deliveries')} and ${plural(there.deadLetters, 'dead letter')}`;
      const question = `This takes ${group} away from ${topic} for good, with ${has}.`;
      if (!(await isMeant(question, flags.yes))) return NOTHING;
      const request = { group, topic, version: version ?? there.version };
      const removed = await broker.removeSubscription(request);
      const { deliveries, deadLetters } = removed;
      tell(
        flags,
        { removed: { ...request, ...removed } },
        `${group} is removed from ${topic}, with ${plural(deliveries, 'delivery', 'deliveries')} and ${plural(deadLetters, 'dead letter')}.`,
      );
      return undefined;
    });
  },
};

function selectorOf({ args, flags }: { args: readonly string[]; flags: Flags }) {
  return { group: args[0]!, ...(flags.topic !== undefined && { topic: flags.topic }) };
}

/** @throws InvalidOptionError naming the groups that there are */
async function groupOf({ groups }: BrokerService, group: string, topic: string): Promise<GroupStatus> {
  const all = await groups.list();
  const found = all.find((one) => one.group === group && one.topic === topic);
  if (found) return found;
  const known = all.map((one) => `${one.group} of ${one.topic}`).join(', ') || 'none';
  throw new InvalidOptionError(
    'GROUP and TOPIC of groups remove',
    `${group} ${topic}`,
    `those of a group that subscribes. There are: ${known}`,
  );
}

function groupsInWords(groups: readonly GroupStatus[]): string {
  if (groups.length === 0) return 'No group subscribes to anything.';
  const right = { align: 'right' } as const;
  return table(
    [
      { title: 'TOPIC' },
      { title: 'GROUP' },
      { title: 'VERSION', ...right },
      { title: 'READY', ...right },
      { title: 'IN FLIGHT', ...right },
      { title: 'WAITING', ...right },
      { title: 'DEAD', ...right },
      { title: '' },
    ],
    groups.map((one) => [
      one.topic,
      one.group,
      String(one.version),
      ...[one.ready, one.inFlight, one.waiting, one.deadLetters].map((count) =>
        count.toLocaleString('en-US'),
      ),
      one.paused ? 'paused' : '',
    ]),
  );
}
