import * as statements from '../../../src/storage/statements/index.js';

/**
 * Puts the rule that one would write down first in the place of the library's: a row goes when it is older than the
 * retention and than the oldest message that has not come to its end. For specs that have mocked the statements.
 */
export function useTheSimpleRule(retentionMs: number): void {
  const { readUnfinished, lockForgettable, readClock } = jest.requireActual<typeof statements>(
    '../../../src/storage/statements/index.js',
  );
  let oldest = Infinity;
  jest.spyOn(statements, 'readUnfinished').mockImplementation(async (database, on, asked) => {
    const answer = await readUnfinished(database, on, { ...asked, slackMs: 0 });
    const times = [answer.oldest, ...answer.waiting.map(({ landedAt }) => landedAt)];
    oldest = Math.min(Infinity, ...times.filter((time) => time !== undefined));
    return { now: answer.now, oldest: undefined, waiting: [], next: undefined };
  });
  jest.spyOn(statements, 'lockForgettable').mockImplementation(async (database, on, asked) => {
    const before = Math.min((await readClock(database, on)) - retentionMs * 1000, oldest);
    return lockForgettable(database, on, { ...asked, before });
  });
  jest
    .spyOn(statements, 'readMark')
    .mockResolvedValue({ mark: undefined, sourceMark: undefined, kept: false });
}
