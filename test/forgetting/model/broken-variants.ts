import * as statements from '../../../src/storage/statements/index.js';
import { useTheSimpleRule } from '../support/simple-rule.js';
import { RETENTION } from './reference.js';

/** One rule broken, and what the model says to that. */
export interface BrokenVariant {
  readonly name: string;
  readonly damage: string;
  /** For specs that have mocked the statements. */
  readonly use: () => void;
}

const MOST = 1_000;

/** As they are: the module that is imported has what stands in place of them. */
function real(): typeof statements {
  return jest.requireActual('../../../src/storage/statements/index.js');
}

export const brokenVariants: readonly [BrokenVariant, ...BrokenVariant[]] = [
  {
    name: 'a row that goes when it is older than the retention and than what has not come to its end',
    damage: 'took effect twice',
    use: () => useTheSimpleRule(RETENTION.dedupMs),
  },
  {
    name: 'no dedup row that would stop a repeat',
    damage: 'took effect twice',
    use: () => {
      const { deleteDedup, insertDedup } = real();
      jest.spyOn(statements, 'insertDedup').mockImplementation(async (database, on, key, row) => {
        await deleteDedup(database, on, key.scenarioId, [key.bizId]);
        return insertDedup(database, on, key, row);
      });
    },
  },
  {
    name: 'a requeue that makes a second delivery',
    damage: 'was delivered, and it is',
    use: () => {
      const { fanOut, findRoute, insertDeliveriesFromDeadLetters, insertMessages, readMessages } = real();
      jest
        .spyOn(statements, 'insertDeliveriesFromDeadLetters')
        .mockImplementation(async (database, on, batch) => {
          await insertDeliveriesFromDeadLetters(database, on, batch);
          for (const message of await readMessages(database, on, batch.seqs)) {
            const { topicId } = (await findRoute(database, on, message.seq))!;
            const { firstSeq } = await insertMessages(database, on, [{ ...message, topicId }]);
            await fanOut(database, on, { topicId, firstSeq, count: 1 });
          }
        });
    },
  },
  {
    name: 'a dead letter that is forgotten while it can be requeued',
    damage: 'could have been judged',
    use: () => {
      const { listDeadLetters, readUnfinished } = real();
      jest.spyOn(statements, 'readUnfinished').mockImplementation(async (database, on, asked) => {
        const answer = await readUnfinished(database, on, asked);
        const dead = await listDeadLetters(database, on, {}, MOST);
        const isDead = (bizId: Buffer) => dead.some((letter) => letter.bizId === bizId.toString());
        return { ...answer, waiting: answer.waiting.filter(({ bizId }) => !isDead(bizId)) };
      });
    },
  },
  {
    name: 'a mark that nobody looks at',
    damage: 'took effect twice',
    use: () => {
      jest
        .spyOn(statements, 'readMark')
        .mockResolvedValue({ mark: undefined, sourceMark: undefined, kept: false });
    },
  },
];
