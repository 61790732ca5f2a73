import type { Command } from './command.js';
import { DONE, NOT_DONE, STATUS_HELP } from './exit-status.js';
import { BROKER_HELP, withOperations } from './operating.js';
import { statusInWords } from './print/status.js';
import { json } from './print/words.js';

export const statusCommand: Command = {
  name: 'status',
  summary: 'how everything is: what waits where, and since when',
  help:
    `Cheap at any size: no table is counted beyond 100,000 rows, and what has more is shown as 100,000+. ${BROKER_HELP}. ` +
    `--json for programs. ${STATUS_HELP}, such as a broker that does not answer`,
  examples: [
    'status --database mysql://root:secret@127.0.0.1:3306/shop',
    'status --data-source dist/ormconfig.js --json',
  ],
  flags: { broker: 'value', json: 'switch' },
  notDone: NOT_DONE,
  run: (invocation) =>
    withOperations(invocation, async (operations) => {
      const status = await operations.status();
      const isJson = invocation.flags.json !== undefined;
      process.stdout.write(`${isJson ? json(status) : statusInWords(status)}\n`);
      return status.broker.reachable ? DONE : NOT_DONE;
    }),
};
