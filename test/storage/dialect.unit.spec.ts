import { dialectOf } from '../../src/storage/index.js';

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
