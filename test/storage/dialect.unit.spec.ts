import { dialectOf, isConnectionLost } from '../../src/storage/index.js';

// What counts as "takes no writes for now" costs no attempt, so nothing may count that a message meets each time.

const failed = (errno: number, message: string) => ({ driverError: { errno, message } });

describe.each(['mysql', 'mariadb'])('on %s', (type) => {
  const dialect = dialectOf(type);

  it.each([
    [1114, "The table 'card' is full"],
    [
      1021,
      'Disk full (/var/lib/mysql/binlog.000007); waiting for someone to free some space... (errno: 28 "No space left on device")',
    ],
    [1026, 'Error writing file \'/var/lib/mysql/binlog.000007\' (errno: 28 "No space left on device")'],
    [1026, "Error writing file 'binlog' (OS errno 28 - No space left on device)"],
    [3, "Error writing file '/tmp/MLfd=49' (OS errno 28 - No space left on device)"],
    [1030, 'Got error 28 "No space left on device" from storage engine InnoDB'],
    [1030, "Got error 28 - 'No space left on device' from storage engine"],
    [1290, 'The MariaDB server is running with the --read-only option so it cannot execute this statement'],
    [
      1290,
      'The MySQL server is running with the --super-read-only option so it cannot execute this statement',
    ],
  ])('takes no writes after %i: %s', (errno, message) => {
    expect(dialect.isUnwritable(failed(errno, message))).toBe(true);
    expect(dialect.endsTransaction(failed(errno, message))).toBe(true);
  });

  it.each([
    [1114, "The table '/tmp/#sql1a2b_7_3' is full"],
    [1026, 'Error writing file \'binlog\' (errno: 5 "Input/output error")'],
    [1030, 'Got error 128 "Out of memory in engine" from storage engine Aria'],
    [
      1290,
      'The MariaDB server is running with the --secure-file-priv option so it cannot execute this statement',
    ],
    [1062, "Duplicate entry 'error 28' for key 'PRIMARY'"],
  ])('takes writes after %i: %s', (errno, message) => {
    expect(dialect.isUnwritable(failed(errno, message))).toBe(false);
  });
});

describe('on better-sqlite3', () => {
  it.each(['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_BUSY'])(
    'takes no writes only where it is full: %s',
    (code) => {
      expect(dialectOf('better-sqlite3').isUnwritable({ driverError: { code } })).toBe(
        code === 'SQLITE_FULL',
      );
    },
  );
});

describe('on postgres', () => {
  const dialect = dialectOf('postgres');
  const raised = (code: string) => ({ driverError: { code, message: 'as the server would say it' } });

  it.each(['25006', '53100'])('takes no writes after %s, which passes', (code) => {
    expect(dialect.isUnwritable(raised(code))).toBe(true);
  });

  it.each(['40001', '40P01', '55P03'])('counts %s as contention, which costs no attempt', (code) => {
    expect(dialect.isContention(raised(code))).toBe(true);
  });

  it.each(['23505', '22P02', '42P01', '53200', '57014'])('counts %s as neither', (code) => {
    expect(dialect.isUnwritable(raised(code)) || dialect.isContention(raised(code))).toBe(false);
  });

  it.each([
    ['23503', true],
    ['40001', true],
    ['P0001', true],
    ['22012', true],
    ['40003', false],
    ['57P01', false],
    ['58030', false],
    ['XX000', false],
    ['08006', false],
    ['EPIPE', false],
    ['ECONNRESET', false],
  ])('after %s of a COMMIT knows that it was not done: %s', (code, isKnown) => {
    expect(dialect.refusesCommit(raised(code))).toBe(isKnown);
  });

  it.each([
    { code: '57P01', message: 'terminating connection due to administrator command' },
    { code: '25P03', message: 'terminating connection due to idle-in-transaction timeout' },
    { message: 'Connection terminated unexpectedly' },
    { message: 'Client has encountered a connection error and is not queryable' },
  ])('calls a connection lost after $message', (driverError) => {
    expect(isConnectionLost({ driverError })).toBe(true);
    expect(dialect.endsTransaction({ driverError })).toBe(true);
  });

  it('calls no transaction over after an error that the rollback of a nested one may answer', () => {
    for (const code of ['40P01', '23505', '25P02']) expect(dialect.endsTransaction(raised(code))).toBe(false);
  });
});
