import { type Conversation, conversationWith } from '../../campaigns/proxy/protocol.js';
import { TransactionWatch } from '../../campaigns/proxy/transaction-watch.js';
import {
  DONE,
  QUERY,
  READY,
  STARTUP,
  message,
  mysqlError,
  packet,
  parsedAndBound,
  postgresError,
  zeroEnded,
} from './wire-messages.js';

// Property: which statement passes, and what the server says to it, is read from the wire however it is cut into chunks.

const INSERT = 'INSERT INTO payment (payment_id) VALUES ($1)';
const VALUES = [Buffer.from('P-1'), null, Buffer.of(0, 0x43, 0)];
const servers = ['mariadb', 'mysql', 'postgres'] as const;

function* chunksOf(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe.each(servers)('of what goes to %s', (engine) => {
  const begin = (): Conversation => {
    const conversation = conversationWith(engine);
    if (engine === 'postgres') conversation.commands(STARTUP);
    return conversation;
  };
  const query = QUERY[engine];

  it('each statement is known', () => {
    expect(begin().commands(query('COMMIT'))).toEqual([{ sql: 'COMMIT', values: [], from: 0 }]);
  });

  it.each([1, 2, 3, 7, 1_000])('each statement is known when it comes %i bytes at a time', (size) => {
    const all = Buffer.concat([query(`INSERT ${'x'.repeat(300)}`), query('COMMIT'), query('ROLLBACK')]);
    const conversation = begin();
    const commands = [...chunksOf(all, size)].flatMap((chunk) => conversation.commands(chunk));
    expect(commands.map(({ sql }) => sql)).toEqual([`INSERT ${'x'.repeat(300)}`, 'COMMIT', 'ROLLBACK']);
  });

  it('it is known where a statement begins, so that what comes before it in the same chunk can go on', () => {
    const [first, second] = [query('SELECT 1'), query('COMMIT')];
    const conversation = begin();
    const [, commit] = conversation.commands(Buffer.concat([first, second]));
    expect(commit!.from).toBe(first.length);
    conversation.commands(first.subarray(0, 3));
    const rest = conversation.commands(Buffer.concat([first.subarray(3), second]));
    expect(rest.map(({ from }) => from)).toEqual([0, first.length - 3]);
  });

  it('a text that says COMMIT is none', () => {
    const conversation = begin();
    const watch = new TransactionWatch();
    const seen = ['INSERT INTO payment VALUES (1)', "SELECT 'COMMIT'", 'ROLLBACK TO SAVEPOINT mine', 'COMMIT']
      .flatMap((sql) => conversation.commands(query(sql)))
      .map(({ sql }) => watch.see(sql));
    expect(seen).toEqual([undefined, undefined, undefined, 'publish']);
  });
});

describe('of what goes to MySQL', () => {
  it('what belongs to the handshake is no statement', () => {
    expect(conversationWith('mysql').commands(packet(Buffer.from('\x03COMMIT'), 1))).toEqual([]);
  });
});

describe('of what goes to PostgreSQL', () => {
  it.each([1, 5, 1_000])('a statement with values is known with them, %i bytes at a time', (size) => {
    const conversation = conversationWith('postgres');
    const all = Buffer.concat([STARTUP, message('p', 'secret'), parsedAndBound(INSERT, VALUES)]);
    const commands = [...chunksOf(all, size)].flatMap((chunk) => conversation.commands(chunk));
    expect(commands).toMatchObject([{ sql: INSERT, values: VALUES }]);
  });

  it('a statement that was prepared before is known by its name', () => {
    const conversation = conversationWith('postgres');
    conversation.commands(STARTUP);
    conversation.commands(parsedAndBound(INSERT, VALUES, 'insert'));
    const all = parsedAndBound('', [null], 'insert');
    const bound = all.subarray(all.indexOf('B'));
    expect(conversation.commands(bound)).toMatchObject([{ sql: INSERT, values: [null] }]);
  });
});

describe('the answer', () => {
  it.each(servers)('of %s is there when something was done', (engine) => {
    expect(conversationWith(engine).answers(DONE[engine])).toEqual(['done']);
  });

  it.each([
    [1062, 'duplicate'],
    [1213, 'deadlock'],
    [1205, 'failed'],
  ])('of MySQL with error %i is: %s', (code, answer) => {
    expect(conversationWith('mysql').answers(mysqlError(code))).toEqual([answer]);
  });

  it.each([
    ['23505', 'duplicate'],
    ['40P01', 'deadlock'],
    ['57014', 'failed'],
  ])('of PostgreSQL with error %s is: %s', (sqlState, answer) => {
    const answers = conversationWith('postgres').answers(Buffer.concat([postgresError(sqlState), READY]));
    expect(answers).toEqual([answer]);
  });

  it.each([
    ['INSERT 0 0', 'duplicate'],
    ['INSERT 0 1', 'done'],
    ['INSERT 0 10', 'done'],
    ['COMMIT', 'done'],
    ['ROLLBACK', 'rolled-back'],
  ])('of PostgreSQL with %j is: %s', (tag, answer) => {
    const inserted = Buffer.concat([message('1'), message('2'), message('n'), message('C', tag), READY]);
    expect(conversationWith('postgres').answers(inserted)).toEqual([answer]);
  });

  it('of PostgreSQL is there when it is complete, and not with what it says meanwhile', () => {
    const conversation = conversationWith('postgres');
    const parts = [
      message('A', Buffer.alloc(4), 'channel', 'COMMIT'),
      message('N', 'SNOTICE', 'C00000', Buffer.of(0)),
      message('C', 'COMMIT'),
      READY.subarray(0, 3),
      READY.subarray(3),
    ];
    expect(parts.map((part) => conversation.answers(part))).toEqual([[], [], [], [], ['done']]);
  });

  it('of PostgreSQL to a handshake is none', () => {
    const started = Buffer.concat([
      message('R', Buffer.alloc(4)),
      message('S', 'server_version', '15'),
      message('K', Buffer.alloc(8)),
      READY,
    ]);
    expect(conversationWith('postgres').answers(started)).toEqual([]);
  });

  it('of PostgreSQL that breaks the connection off is never complete', () => {
    expect(conversationWith('postgres').answers(postgresError('57P01'))).toEqual([]);
  });

  it('of PostgreSQL is the last one, where several statements came in one query', () => {
    const several = Buffer.concat([message('C', 'SET'), postgresError('23505'), READY, zeroEnded('')]);
    expect(conversationWith('postgres').answers(several)).toEqual(['duplicate']);
  });
});
