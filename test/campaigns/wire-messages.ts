import type { EngineOfServers } from '../../campaigns/databases/create.js';

/** What goes over the wire between a driver and its server. */

/** A packet of MySQL with this number. */
export function packet(body: Buffer, number = 0): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = number;
  return Buffer.concat([head, body]);
}

/** A message of PostgreSQL. */
export function message(kind: string, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? zeroEnded(part) : part)));
  const head = Buffer.alloc(5, kind);
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

export function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** How node-postgres begins. */
export const STARTUP = (() => {
  const body = Buffer.concat([Buffer.of(0, 3, 0, 0), zeroEnded('user'), zeroEnded('mq'), Buffer.of(0)]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(4 + body.length, 0);
  return Buffer.concat([head, body]);
})();

/** A statement with values, as node-postgres sends it: each as its bytes. */
export function parsedAndBound(sql: string, values: readonly (Buffer | null)[], name = ''): Buffer {
  const short = (...numbers: number[]) => Buffer.from(numbers.flatMap((n) => [n >> 8, n & 0xff]));
  const length = (n: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(n, 0);
    return bytes;
  };
  const bound = values.flatMap((value) => (value ? [length(value.length), value] : [length(-1)]));
  return Buffer.concat([
    message('P', name, sql, short(0)),
    message('B', '', name, short(values.length, ...values.map(() => 1), values.length), ...bound, short(0)),
    message('D', Buffer.from('P'), ''),
    message('E', '', Buffer.alloc(4)),
    message('S'),
  ]);
}

/** A statement without values. */
export const QUERY: Record<EngineOfServers, (sql: string) => Buffer> = {
  mariadb: (sql) => packet(Buffer.from(`\x03${sql}`)),
  mysql: (sql) => packet(Buffer.from(`\x03\0\x01${sql}`)),
  postgres: (sql) => message('Q', sql),
};

const OK = packet(Buffer.of(0, 1, 0, 2, 0, 0, 0), 1);
/** Of PostgreSQL: that it is ready, in no transaction. */
export const READY = message('Z', Buffer.from('I'));

/** That something was done. */
export const DONE: Record<EngineOfServers, Buffer> = {
  mariadb: OK,
  mysql: OK,
  postgres: Buffer.concat([message('C', 'COMMIT'), READY]),
};

export function mysqlError(code: number): Buffer {
  return packet(Buffer.from([0xff, code & 0xff, code >> 8, ...Buffer.from('#40001no')]), 1);
}

export function postgresError(sqlState: string): Buffer {
  return message('E', 'SERROR', 'VERROR', `C${sqlState}`, 'Mno', Buffer.of(0));
}
