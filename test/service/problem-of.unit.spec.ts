import { QueryFailedError } from 'typeorm';
import { ConfigurationError, InvalidOptionError } from '../../src/errors/index.js';
import { problemOf } from '../../src/service/problem-of.js';
import { dialectOf } from '../../src/storage/index.js';
import { startEndpoint } from './support/endpoint.js';
import { ask } from './support/ask.js';

// Property: who has to do something about an error is who is told to.

const ofMysql = (errno: number) =>
  new QueryFailedError('INSERT INTO mq_accepted', [], Object.assign(new Error('no'), { errno }));
const ofSqlite = (code: string) =>
  new QueryFailedError('INSERT INTO mq_accepted', [], Object.assign(new Error('no'), { code }));

describe.each<['mysql' | 'better-sqlite3', [string, Error, string][]]>([
  [
    'mysql',
    [
      ['a deadlock that outlasts its tries', ofMysql(1213), 'UNAVAILABLE'],
      ['a lock that is waited for too long', ofMysql(1205), 'UNAVAILABLE'],
      ['a race that is lost each time', ofMysql(1062), 'UNAVAILABLE'],
      ['a statement that is wrong', ofMysql(1064), 'INTERNAL'],
    ],
  ],
  [
    'better-sqlite3',
    [
      ['a database that is locked', ofSqlite('SQLITE_BUSY_SNAPSHOT'), 'UNAVAILABLE'],
      ['a race that is lost each time', ofSqlite('SQLITE_CONSTRAINT_PRIMARYKEY'), 'UNAVAILABLE'],
      ['a statement that is wrong', ofSqlite('SQLITE_ERROR'), 'INTERNAL'],
      ['an option of a call', new InvalidOptionError('limit', 0, 'a number'), 'REQUEST_INVALID'],
      [
        'a service that is set up wrongly',
        new ConfigurationError('max_connections of the server'),
        'INTERNAL',
      ],
    ],
  ],
])('what a service that is on %s says of', (type, errors) => {
  it.each(errors)('%s', (_, error, code) => {
    const problem = problemOf(error, dialectOf(type));
    expect(problem.code).toBe(code);
    if (code !== 'REQUEST_INVALID') expect(problem.message).not.toMatch(/INSERT|max_connections/);
  });
});

it('the log says what the caller is not told', async () => {
  const at = await startEndpoint({
    identify: async () => {
      throw new ConfigurationError('max_connections of the server');
    },
  });
  expect(await ask(at.url, 'identify', {})).toMatchObject({ status: 500, code: 'INTERNAL' });
  expect(at.faults).toEqual([expect.stringContaining('max_connections of the server')]);
  await at.close();
});
