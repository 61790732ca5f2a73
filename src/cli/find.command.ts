import type { Command } from './command.js';
import { DONE, NOTHING, NOT_DONE, STATUS_HELP } from './exit-status.js';
import { wholeNumber } from './flag-values.js';
import { BROKER_HELP, withOperations } from './operating.js';
import { storyInWords } from './print/story.js';
import { json } from './print/words.js';

export const findCommand: Command = {
  name: 'find',
  summary: 'what became of a biz-id: the story of each of its messages',
  help:
    'In the outbox, quarantined, landed, parked; and of each group: waiting, scheduled, in flight, tried again, a dead letter, done. ' +
    'There is no index on biz-ids, so this reads all that is unfinished, ' +
    `for --within-ms 10000 at most unless given. ${BROKER_HELP}. A biz-id that begins with a dash comes behind --. --json for programs. ${STATUS_HELP}`,
  examples: [
    'find payment.succeeded P-123 --database mysql://root:secret@127.0.0.1:3306/shop',
    'find payment.succeeded P-123 --data-source dist/ormconfig.js --broker mysql://root:secret@10.0.0.7/broker',
  ],
  args: [{ name: 'TOPIC' }, { name: 'BIZ-ID' }],
  flags: { broker: 'value', json: 'switch', 'within-ms': 'value' },
  notDone: NOT_DONE,
  run: async (invocation) => {
    const { args, flags } = invocation;
    const withinMs = wholeNumber('--within-ms', flags['within-ms']);
    return withOperations(invocation, async (operations) => {
      const [topic, bizId] = args;
      const findings = await operations.find(topic!, bizId!, withinMs === undefined ? {} : { withinMs });
      process.stdout.write(`${flags.json === undefined ? storyInWords(findings) : json(findings)}\n`);
      if (findings.messages.length > 0) return DONE;
      return findings.isComplete ? NOTHING : NOT_DONE;
    });
  },
};
